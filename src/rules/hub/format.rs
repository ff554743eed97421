//! Turns texts into the lines that are sent.

use crate::rules::sanitize::sanitize;
use crate::rules::wire::Stamp;

/// Completes a line whose prefix (its stamp and name) is in `out` from `start` on: appends the sanitized text and the line
/// end. A line longer than `max_line` becomes several, each with that prefix: a peer may show what it cuts off a long line as
/// a line of its own, and that could then imitate anybody's.
pub(super) fn finish_line(out: &mut Vec<u8>, start: usize, text: &[u8], max_line: usize) {
    let text_start = out.len();
    // Nearly all texts are plain ASCII.
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        out.extend_from_slice(text);
    } else {
        sanitize(text, out);
    }
    out.push(b'\n');
    if out.len() - start > max_line + 1 {
        split_line(out, start, text_start, max_line);
    }
}

#[cold]
fn split_line(out: &mut Vec<u8>, start: usize, text_start: usize, max_line: usize) {
    let line = out.split_off(start);
    let (prefix, text) = line.split_at(text_start - start);
    let (mut rest, max) = (text, (max_line + 1).saturating_sub(prefix.len()).max(5));
    while !rest.is_empty() {
        let is_last = rest.len() <= max;
        let mut end = if is_last { rest.len() } else { max - 1 };
        // Do not split a character.
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

/// Formats a text of the hub itself.
pub(super) fn hub_lines(stamp: &Stamp, mark: &str, text: &str, max_line: usize) -> Vec<u8> {
    let mut lines = stamp.as_bytes().to_vec();
    lines.extend_from_slice(mark.as_bytes());
    finish_line(&mut lines, 0, text.as_bytes(), max_line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, max_line: usize) -> Vec<String> {
        let mut out = b"before\n[stamp] <bob> ".to_vec();
        finish_line(&mut out, 7, text.as_bytes(), max_line);
        String::from_utf8_lossy(&out).lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn a_text_is_sanitized() {
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
