//! Texts to the lines that are sent.

use crate::rules::sanitize::sanitize;
use crate::rules::wire::Stamp;

/// Completes a line whose beginning, the stamp and the name, is in `out` from `start` on: appends the text, made harmless,
/// and the line end. A line that would be longer than `max_line` becomes several, each with that beginning, because
/// what a peer cuts off an overlong line it may show as a line of its own, which could then pass for anybody's.
pub(super) fn finish(out: &mut Vec<u8>, start: usize, text: &[u8], max_line: usize) {
    let beginning = out.len();
    // Nearly all texts are like this.
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        out.extend_from_slice(text);
    } else {
        sanitize(text, out);
    }
    out.push(b'\n');
    if out.len() - start > max_line + 1 {
        cut(out, start, beginning, max_line);
    }
}

/// Cuts the line that is in `out` from `start` on into several.
#[cold]
fn cut(out: &mut Vec<u8>, start: usize, beginning: usize, max_line: usize) {
    let line = out.split_off(start);
    let (prefix, text) = line.split_at(beginning - start);
    let (mut rest, most) = (text, (max_line + 1).saturating_sub(prefix.len()).max(5));
    while !rest.is_empty() {
        let is_last = rest.len() <= most;
        let mut end = if is_last { rest.len() } else { most - 1 };
        // Between characters.
        while !is_last && end > 1 && rest[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        let part;
        (part, rest) = rest.split_at(end);
        out.extend_from_slice(prefix);
        out.extend_from_slice(part);
        if !is_last {
            out.push(b'\n');
        }
    }
}

/// The lines of something that the hub says.
pub(super) fn of_hub(stamp: &Stamp, mark: &str, text: &str, max_line: usize) -> Vec<u8> {
    let mut lines = stamp.as_bytes().to_vec();
    lines.extend_from_slice(mark.as_bytes());
    finish(&mut lines, 0, text.as_bytes(), max_line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, max_line: usize) -> Vec<String> {
        let mut out = b"before\n[stamp] <bob> ".to_vec();
        finish(&mut out, 7, text.as_bytes(), max_line);
        String::from_utf8_lossy(&out).lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn a_text_is_made_harmless() {
        assert_eq!(lines("a\x1b[1mb", 99), ["[stamp] <bob> a^[[1mb"]);
    }

    #[test]
    fn every_part_of_an_overlong_line_has_its_stamp_and_name() {
        assert_eq!(lines("123456", 20), ["[stamp] <bob> 123456"]);
        assert_eq!(lines("1234567", 20), ["[stamp] <bob> 123456", "[stamp] <bob> 7"]);
        assert_eq!(lines("12345ä67", 20), ["[stamp] <bob> 12345", "[stamp] <bob> ä67"]);
        let parts = lines(&"ä".repeat(1000), 30);
        assert!(parts.iter().all(|part| part.starts_with("[stamp] <bob> ä") && part.len() <= 30));
        assert_eq!(parts.concat().matches('ä').count(), 1000);
    }
}
