//! Where a code comes from: the command line, the environment, or a person at the terminal.

use crate::platform::{Patient, unbuffered_stdin};
use crate::rules::failure::{Context, Failure};
use crate::rules::secure::{Code, CodeError};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use zeroize::Zeroizing;

/// The environment variable with a code.
pub(super) const VARIABLE: &str = "THREADCHAT_CODE";

/// How often a person may type what is no code.
const TRIES: usize = 3;

/// Longer lines are no codes, and are not kept.
const MAX_LINE: usize = 256;

/// `--code`.
#[derive(Debug, Clone)]
pub(super) enum CodeValue {
    /// `-`
    FirstLine,
    /// An error is reported later: the parser of the command line would repeat the code, which is nearly right.
    Words(Result<Code, CodeError>),
}

pub(super) fn value(text: &str) -> Result<CodeValue, Infallible> {
    Ok(if text == "-" { CodeValue::FirstLine } else { CodeValue::Words(Code::parse(text)) })
}

/// The value of the environment variable. An empty one counts as none.
fn variable() -> Option<OsString> {
    std::env::var_os(VARIABLE).filter(|value| !value.is_empty())
}

pub(super) fn is_in_environment() -> bool {
    variable().is_some_and(|value| {
        wipe(value);
        true
    })
}

fn wipe(value: OsString) {
    drop(Zeroizing::new(value.into_encoded_bytes()));
}

/// The code that the user gave with the option or, without one, in the environment.
///
/// # Errors
/// It is no code, or cannot be read.
pub(super) fn given(option: Option<&CodeValue>) -> Result<Option<Code>, Failure> {
    match option {
        Some(CodeValue::Words(code)) => code.clone().context("cannot use the code of --code").map(Some),
        Some(CodeValue::FirstLine) if can_ask() => ask().map(Some),
        Some(CodeValue::FirstLine) => first_line(unbuffered_stdin()).map(Some),
        None => variable().map(from_variable).transpose(),
    }
}

fn from_variable(value: OsString) -> Result<Code, Failure> {
    let bytes = Zeroizing::new(value.into_encoded_bytes());
    parse(&bytes).context(format_args!("cannot use the code in the variable {VARIABLE}"))
}

fn first_line(input: io::Result<impl Read>) -> Result<Code, Failure> {
    const CANNOT: &str = "cannot read the code from standard input";
    let line = input.and_then(|mut input| read_line(&mut input)).context(CANNOT)?;
    line.ok_or_else(|| Failure::new(CANNOT, "it has ended")).and_then(|line| parse(&line).context(CANNOT))
}

/// Asks the person at the terminal for the code of the server.
///
/// # Errors
/// Nobody sits there, or types a code.
pub(super) fn ask_for(server: &dyn std::fmt::Display) -> Result<Code, Failure> {
    if can_ask() {
        return ask();
    }
    Err(Failure::from(format!(
        "{server} is not known, so that a code is needed: let whoever waits there tell it to you, and pass it in the \
         variable {VARIABLE}, or with --code - as the first line of standard input"
    )))
}

/// Whether a person sees a question and can answer it.
fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn ask() -> Result<Code, Failure> {
    let input = unbuffered_stdin().context("cannot read the code from the terminal")?;
    converse(input, Patient(io::stderr()))
}

fn converse(mut input: impl Read, mut output: impl Write) -> Result<Code, Failure> {
    // What cannot be shown does not keep anybody from typing.
    for _ in 0..TRIES {
        let _ = write!(output, "code: ").and_then(|()| output.flush());
        let line = read_line(&mut input).context("cannot read the code from the terminal")?;
        let Some(line) = line else {
            let _ = writeln!(output);
            break;
        };
        match parse(&line) {
            Ok(code) => return Ok(code),
            Err(error) => _ = writeln!(output, "{}", error.to_typist()),
        }
    }
    Err("no code was entered".into())
}

fn parse(line: &[u8]) -> Result<Code, CodeError> {
    // What is no text is no code, as an empty line.
    Code::parse(std::str::from_utf8(line).unwrap_or_default())
}

/// The next line and not a byte more, because the chat goes on behind it. None: the input has ended.
fn read_line(input: &mut impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE));
    let (mut byte, mut is_empty) = (Zeroizing::new([0]), true);
    loop {
        match input.read(&mut *byte) {
            Ok(0) => return Ok((!is_empty).then_some(line)),
            Ok(_) if *byte == *b"\n" => return Ok(Some(line)),
            Ok(_) if line.len() < MAX_LINE => line.push(byte[0]),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        is_empty = false;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn asked(typed: &str) -> (Result<String, String>, String) {
        let mut shown = Vec::new();
        let code = converse(typed.as_bytes(), &mut shown);
        let code = code.map(|code| code.reveal().to_owned()).map_err(|failure| failure.to_string());
        (code, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn who_mistypes_a_code_hears_why_and_is_asked_again() {
        let (code, shown) = asked("7-velvet-oter\r\n\n7 Velvet otter\r\nhello\n");
        assert_eq!(code.unwrap(), "7-velvet-otter");
        let (oter, empty) = (Code::parse("7-velvet-oter").unwrap_err(), Code::parse("").unwrap_err());
        assert_eq!(shown, format!("code: {}\ncode: {}\ncode: ", oter.to_typist(), empty));
    }

    #[test]
    fn after_three_tries_or_the_end_of_the_input_there_is_no_code() {
        for (typed, questions) in [("a\nb\nc\n7-velvet-otter\n", 3), ("", 1), ("a\n", 2)] {
            let (code, shown) = asked(typed);
            assert_eq!(code.unwrap_err(), "no code was entered");
            assert_eq!(shown.matches("code: ").count(), questions, "{typed:?}");
            assert!(shown.ends_with('\n'), "{shown:?}");
        }
    }

    #[test]
    fn the_chat_goes_on_behind_the_line_with_the_code() {
        let mut input = &b"7-velvet-otter\nhello\n88\n"[..];
        assert_eq!(first_line(Ok(&mut input)).unwrap().reveal(), "7-velvet-otter");
        assert_eq!(input, b"hello\n88\n");
        // Also a line without an end.
        assert!(first_line(Ok(&b"7-velvet-otter"[..])).is_ok());
    }

    #[test]
    fn an_input_without_a_code_is_explained() {
        let error = |input: &[u8]| first_line(Ok(input)).unwrap_err().to_string();
        assert_eq!(error(b""), "cannot read the code from standard input: it has ended");
        let no_code = Code::parse("").unwrap_err().to_string();
        for input in [&b"\n"[..], b"\xff\n", &[b'x'; 1 << 20]] {
            assert!(error(input).ends_with(&no_code), "{}", error(input));
        }
    }

    #[test]
    fn a_code_in_the_environment_is_understood_or_explained() {
        assert_eq!(from_variable("7 velvet otter".into()).unwrap().reveal(), "7-velvet-otter");
        let error = from_variable("7-velvet-oter".into()).unwrap_err().to_string();
        assert_eq!(
            error,
            "cannot use the code in the variable THREADCHAT_CODE: it has a word that is in no code: check its spelling"
        );
    }

    #[test]
    fn a_code_on_the_command_line_is_not_repeated() {
        let shown = format!("{:?}", value("7-velvet-otter"));
        assert!(!shown.contains("velvet"), "{shown}");
        assert!(matches!(value("-"), Ok(CodeValue::FirstLine)));
    }
}
