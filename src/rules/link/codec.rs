//! Commands to bytes, and bytes to answers (RESP2).

use memchr::memmem;
use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode_borrowed;
use redis_protocol::resp2::types::{BorrowedFrame, OwnedFrame};

use super::LinkError;

/// What the server answers to a command.
pub(super) type Answer = OwnedFrame;

/// The most bytes of one answer. What is asked for at once is far less.
const MAX_BYTES: usize = 64 << 20;
/// The most parts of one answer.
const MAX_PARTS: usize = 1 << 20;
/// How deep the lists of an answer nest: a stream in a list, its entries, one of them, its fields; one to spare.
const MAX_DEPTH: usize = 6;

/// Appends a command, the first part of which is its name.
pub(super) fn append_command(parts: &[&[u8]], output: &mut Vec<u8>) {
    let parts: Vec<_> = parts.iter().map(|part| BorrowedFrame::BulkString(part)).collect();
    let command = BorrowedFrame::Array(&parts);
    let start = output.len();
    output.resize(start + command.encode_len(false), 0);
    // It fails only if the space is too small.
    let written = encode_borrowed(&mut output[start..], &command, false).unwrap_or_default();
    output.truncate(start + written);
}

/// The first answer in `input`, and its length. None if it is not complete.
///
/// # Errors
/// It is no answer, or larger than anything that was asked for.
pub(super) fn first_answer(input: &[u8]) -> Result<Option<(Answer, usize)>, LinkError> {
    match measure(input)? {
        Some(length) => decode(&input[..length]).map_err(|_| LinkError::NotRedis),
        None if input.len() > MAX_BYTES => Err(LinkError::TooLong),
        None => Ok(None),
    }
}

/// The length of the first answer. The decoder does not bound what it believes, and recurses as deep as the answer nests.
fn measure(input: &[u8]) -> Result<Option<usize>, LinkError> {
    let mut position = 0;
    let mut parts = 0;
    // How many parts each open list lacks.
    let mut open = vec![1_usize];
    while let Some(missing) = open.last_mut() {
        if *missing == 0 {
            open.pop();
            continue;
        }
        *missing -= 1;
        parts += 1;
        let rest = input.get(position..).unwrap_or_default();
        let Some(end) = memmem::find(rest, b"\r\n") else { return Ok(None) };
        let (kind, number) = rest[..end].split_first().ok_or(LinkError::NotRedis)?;
        position += end + 2;
        match (kind, length(number)) {
            (b'+' | b'-' | b':', _) | (b'$' | b'*', Some(None)) => {}
            (b'$', Some(Some(length))) if length <= MAX_BYTES => {
                position += length + 2;
                if input.get(position - 2..position).is_some_and(|end| end != b"\r\n") {
                    return Err(LinkError::NotRedis);
                }
            }
            (b'*', Some(Some(length))) if length <= MAX_PARTS && open.len() <= MAX_DEPTH => open.push(length),
            (b'$' | b'*', Some(_)) => return Err(LinkError::TooLong),
            _ => return Err(LinkError::NotRedis),
        }
        if parts > MAX_PARTS {
            return Err(LinkError::TooLong);
        }
    }
    Ok((position <= input.len()).then_some(position))
}

/// The length of a text or a list; Some(None) is nothing at all.
fn length(digits: &[u8]) -> Option<Option<usize>> {
    match std::str::from_utf8(digits).ok()? {
        "-1" => Some(None),
        digits if digits.starts_with('+') => None,
        digits => digits.parse().ok().map(Some),
    }
}

/// The parts of a list.
pub(super) fn list(answer: Answer) -> Option<Vec<Answer>> {
    match answer {
        Answer::Array(parts) => Some(parts),
        _ => None,
    }
}

/// The parts of a list of this length.
pub(super) fn array<const N: usize>(answer: Answer) -> Option<[Answer; N]> {
    list(answer)?.try_into().ok()
}

/// A text.
pub(super) fn bytes(answer: Answer) -> Option<Vec<u8>> {
    match answer {
        Answer::BulkString(bytes) | Answer::SimpleString(bytes) => Some(bytes),
        _ => None,
    }
}

/// A number, also in the form of a text.
pub(super) fn number(answer: &Answer) -> Option<u64> {
    match answer {
        Answer::Integer(number) => u64::try_from(*number).ok(),
        Answer::BulkString(bytes) => parse(bytes),
        _ => None,
    }
}

/// The digits of a number and nothing else.
pub(super) fn parse(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_command_is_a_list_of_texts() {
        let mut output = b"before".to_vec();
        append_command(&[b"GET", b"", b"a\r\nb"], &mut output);
        assert_eq!(output, b"before*3\r\n$3\r\nGET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
    }

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        for answer in [
            "+OK\r\n",
            "-ERR x\r\n",
            ":12\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "$2\r\n\r\n\r\n",
            "*0\r\n",
            "*2\r\n*1\r\n$1\r\na\r\n:1\r\n",
        ] {
            let bytes = [answer.as_bytes(), b"+next\r\n"].concat();
            for end in 0..answer.len() {
                assert_eq!(
                    first_answer(&bytes[..end]).map(|answer| answer.is_some()),
                    Ok(false),
                    "{answer} {end}"
                );
            }
            let (_, length) = first_answer(&bytes).unwrap().unwrap();
            assert_eq!(length, answer.len(), "{answer}");
        }
    }

    #[test]
    fn an_answer_that_is_too_large_is_refused_before_it_has_come() {
        let nested = "*1\r\n".repeat(1_000_000);
        let wide = format!("*1048576\r\n{}", "*0\r\n".repeat(1_048_576));
        for text in ["$99999999999\r\n", "*1048577\r\n", "$18446744073709551615\r\n", &nested, &wide] {
            assert_eq!(first_answer(text.as_bytes()), Err(LinkError::TooLong), "{text:.30}");
        }
        let endless = vec![b'+'; MAX_BYTES + 1];
        assert_eq!(first_answer(&endless), Err(LinkError::TooLong));
        for text in [
            "HTTP/1.1 400\r\n",
            "\r\n",
            "$x\r\n",
            "$-2\r\n",
            "$+1\r\n",
            "*99999999999999999999\r\n",
            "$1\r\nabc",
            ":x\r\n",
        ] {
            assert_eq!(first_answer(text.as_bytes()), Err(LinkError::NotRedis), "{text:?}");
        }
    }
}
