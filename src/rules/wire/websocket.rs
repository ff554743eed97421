//! WebSocket (RFC 6455), the side of the server: what a browser sends becomes lines, and lines become messages for browsers.
//!
//! websocket-sans-io takes the frames apart. What it leaves to its user is here: the order of frames, the limits, and UTF-8.

use websocket_sans_io::{
    FrameInfo, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent as Event,
};

/// The longest text message, in bytes. The hub splits long lines as it does those of netcat.
pub(in crate::rules) const MAX_MESSAGE: usize = 1024 * 1024;

/// The longest binary message, which is a question of the page.
const MAX_QUESTION: usize = 16;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: usize = 125;

/// How a WebSocket is closed: the code that says why (RFC 6455, section 7.4), and `docs/web.md` for those from 4000 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) enum Close {
    /// The browser said goodbye.
    Normal = 1000,
    /// The hub ends.
    GoingAway = 1001,
    /// A frame that must not be, or not there.
    Protocol = 1002,
    /// A text that is not UTF-8.
    NotUtf8 = 1007,
    /// The first message did not come, or made no sense.
    Policy = 1008,
    /// A message that is too long.
    TooBig = 1009,
    /// There is no place now.
    TryAgainLater = 1013,
    /// The operator sent it away.
    SentAway = 4000,
    /// The ticket is not valid.
    WrongTicket = 4001,
    /// The page speaks another version.
    OtherVersion = 4002,
    /// Another connection has taken its place.
    Replaced = 4003,
}

/// What a browser sends beside lines.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rules) enum Extra {
    /// It wants this back.
    Ping(Vec<u8>),
    /// A binary message.
    Question(Vec<u8>),
    /// It sends nothing more.
    Close,
}

/// Turns what a browser sends into lines.
#[derive(Debug, Default)]
pub(in crate::rules) struct Incoming {
    decoder: WebsocketFrameDecoder,
    /// The kind of the message that is not complete, and its length so far.
    message: Option<(Opcode, usize)>,
    /// The payload of the control frame that is not complete.
    control: Vec<u8>,
    question: Vec<u8>,
    /// The beginning of a character, which ends in the next piece of the message.
    character: Vec<u8>,
    /// The message ends in a newline so far.
    has_line_end: bool,
    has_ended: bool,
}

impl Incoming {
    /// Replaces the first `filled` bytes, which were read, by the lines in them, each with its end. Returns how many bytes these
    /// take. What comes after an error or a Close frame is dropped.
    ///
    /// # Errors
    /// The stream breaks the rules: send a Close frame with this code. What came before is good.
    pub(in crate::rules) fn receive(
        &mut self,
        bytes: &mut Vec<u8>,
        filled: usize,
        extras: &mut Vec<Extra>,
    ) -> (usize, Result<(), Close>) {
        let (length, _, result) = self.decode(bytes, filled, extras, false);
        (length, result)
    }

    /// Appends what has come of the first message. Returns whether it is complete, and what comes behind it.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub(in crate::rules) fn receive_first(
        &mut self,
        read: &[u8],
        first: &mut Vec<u8>,
        extras: &mut Vec<Extra>,
    ) -> Result<Option<Vec<u8>>, Close> {
        let mut bytes = read.to_vec();
        let (length, behind, result) = self.decode(&mut bytes, read.len(), extras, true);
        first.extend_from_slice(&bytes[..length]);
        result.map(|()| {
            (first.last() == Some(&b'\n') && self.message.is_none()).then(|| bytes.split_off(behind))
        })
    }

    /// The same for both. Returns how many bytes the lines take, where what was not decoded begins, and how it went.
    fn decode(
        &mut self,
        bytes: &mut Vec<u8>,
        filled: usize,
        extras: &mut Vec<Extra>,
        stops_at_end: bool,
    ) -> (usize, usize, Result<(), Close>) {
        let (mut from, mut to, mut end) = (0, 0, filled);
        while !self.has_ended {
            let Ok(result) = self.decoder.add_data(&mut bytes[from..end]);
            let piece = from..from + result.consumed_bytes;
            from = piece.end;
            let outcome = match result.event {
                None if piece.is_empty() => break,
                None => Ok(Piece::Nothing),
                Some(Event::Start { frame_info, .. }) => self.begin(&frame_info).map(|()| Piece::Nothing),
                Some(Event::PayloadChunk { original_opcode }) => {
                    self.add(original_opcode, &bytes[piece.clone()])
                }
                Some(Event::End { frame_info, .. }) => self.end(&frame_info, extras),
            };
            match outcome {
                Ok(Piece::Nothing) => {}
                Ok(Piece::Text) => {
                    bytes.copy_within(piece.clone(), to);
                    to += piece.len();
                }
                Ok(Piece::End) if self.has_line_end => {
                    if stops_at_end {
                        break;
                    }
                }
                Ok(Piece::End) => {
                    // The frame's head takes more bytes than the line end, unless it was in the read before.
                    if to == from {
                        bytes.insert(to, b'\n');
                        (from, end) = (from + 1, end + 1);
                    }
                    bytes[to] = b'\n';
                    to += 1;
                    if stops_at_end {
                        break;
                    }
                }
                Err(close) => {
                    self.has_ended = true;
                    return (to, from, Err(close));
                }
            }
        }
        (to, from, Ok(()))
    }

    /// A frame begins.
    fn begin(&mut self, frame: &FrameInfo) -> Result<(), Close> {
        if !frame.is_reasonable() || frame.mask.is_none() {
            return Err(Close::Protocol);
        }
        if frame.opcode.is_control() {
            return if frame.payload_length <= MAX_CONTROL as u64 { Ok(()) } else { Err(Close::Protocol) };
        }
        let (opcode, length) = match (frame.opcode, self.message) {
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Text | Opcode::Binary, None) => (frame.opcode, 0),
            _ => return Err(Close::Protocol),
        };
        let max = if opcode == Opcode::Text { MAX_MESSAGE } else { MAX_QUESTION };
        match usize::try_from(frame.payload_length).ok().and_then(|more| length.checked_add(more)) {
            Some(length) if length <= max => self.message = Some((opcode, length)),
            _ => return Err(Close::TooBig),
        }
        Ok(())
    }

    /// A part of a frame's payload has come.
    fn add(&mut self, opcode: Opcode, payload: &[u8]) -> Result<Piece, Close> {
        match opcode {
            Opcode::Text => {
                self.check_characters(payload)?;
                if let Some(last) = payload.last() {
                    self.has_line_end = *last == b'\n';
                }
                return Ok(Piece::Text);
            }
            Opcode::Binary => self.question.extend_from_slice(payload),
            _ => self.control.extend_from_slice(payload),
        }
        Ok(Piece::Nothing)
    }

    /// A frame ends.
    fn end(&mut self, frame: &FrameInfo, extras: &mut Vec<Extra>) -> Result<Piece, Close> {
        match frame.opcode {
            Opcode::Ping => extras.push(Extra::Ping(std::mem::take(&mut self.control))),
            // Nobody asked for it.
            Opcode::Pong => self.control.clear(),
            Opcode::ConnectionClose => {
                check_close(&self.control)?;
                extras.push(Extra::Close);
                self.has_ended = true;
            }
            opcode if opcode.is_data() && frame.fin => match self.message.take() {
                Some((Opcode::Text, _)) if !self.character.is_empty() => return Err(Close::NotUtf8),
                // The empty message is nothing.
                Some((Opcode::Text, length)) if length > 0 => return Ok(Piece::End),
                Some((Opcode::Binary, _)) => extras.push(Extra::Question(std::mem::take(&mut self.question))),
                _ => {}
            },
            _ => {}
        }
        Ok(Piece::Nothing)
    }

    /// Checks that a part of a text is UTF-8, and keeps the beginning of a character that it cuts.
    fn check_characters(&mut self, mut part: &[u8]) -> Result<(), Close> {
        while !self.character.is_empty()
            && let Some((first, rest)) = part.split_first()
        {
            self.character.push(*first);
            part = rest;
            match str::from_utf8(&self.character) {
                Ok(_) => self.character.clear(),
                Err(error) if error.error_len().is_some() => return Err(Close::NotUtf8),
                Err(_) => {}
            }
        }
        match str::from_utf8(part) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => Err(Close::NotUtf8),
            Err(error) => {
                self.character.extend_from_slice(&part[error.valid_up_to()..]);
                Ok(())
            }
        }
    }
}

/// What a part of the stream is.
enum Piece {
    Nothing,
    Text,
    /// A text is complete.
    End,
}

/// Checks the payload of a Close frame (RFC 6455, sections 5.5.1 and 7.4).
fn check_close(payload: &[u8]) -> Result<(), Close> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(()) } else { Err(Close::Protocol) };
    };
    match u16::from_be_bytes(*code) {
        1000..=1003 | 1007..=1014 | 3000..=4999 => {}
        _ => return Err(Close::Protocol),
    }
    str::from_utf8(reason).map(drop).map_err(|_| Close::NotUtf8)
}

/// A text message for browsers: words that say what it is, each with a space behind it, and lines.
pub(in crate::rules) fn text(words: &str, lines: &[u8]) -> Vec<u8> {
    frame(Opcode::Text, &[words.as_bytes(), lines])
}

/// The answer to a [`Extra::Ping`].
pub(in crate::rules) fn pong(payload: &[u8]) -> Vec<u8> {
    frame(Opcode::Pong, &[payload])
}

/// The last frame. A control frame holds 123 bytes of the reason, and more is cut off.
pub(in crate::rules) fn close(code: Close, reason: &str) -> Vec<u8> {
    let end = (0..=reason.len().min(MAX_CONTROL - 2)).rev().find(|end| reason.is_char_boundary(*end));
    let reason = &reason[..end.unwrap_or(0)];
    frame(Opcode::ConnectionClose, &[&(code as u16).to_be_bytes(), reason.as_bytes()])
}

fn frame(opcode: Opcode, payload: &[&[u8]]) -> Vec<u8> {
    let length = payload.iter().map(|part| part.len()).sum::<usize>();
    let info = FrameInfo { opcode, payload_length: length as u64, mask: None, fin: true, reserved: 0 };
    let head = WebsocketFrameEncoder::new().start_frame(&info);
    let mut frame = Vec::with_capacity(head.len() + length);
    frame.extend_from_slice(&head);
    payload.iter().for_each(|part| frame.extend_from_slice(part));
    frame
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// A frame of a browser, whose first byte is `first`.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
            length @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// The lines in a stream that arrives in reads of this many bytes, what comes beside them, and how it ends.
    fn receive(stream: &[u8], read: usize) -> (String, Vec<Extra>, Result<(), Close>) {
        let (mut incoming, mut lines, mut extras) = (Incoming::default(), Vec::new(), Vec::new());
        for part in stream.chunks(read) {
            let mut bytes = part.to_vec();
            let (length, result) = incoming.receive(&mut bytes, part.len(), &mut extras);
            lines.extend_from_slice(&bytes[..length]);
            if result.is_err() {
                // How much of the wrong message came before depends on the reads.
                return (String::new(), extras, result);
            }
        }
        (String::from_utf8(lines).unwrap(), extras, Ok(()))
    }

    /// However it arrives.
    fn lines(frames: &[Vec<u8>]) -> Result<String, Close> {
        let stream = frames.concat();
        let all = [1, 2, 3, 7, usize::MAX].map(|read| receive(&stream, read.min(stream.len())));
        let [first, others @ ..] = all;
        others.iter().for_each(|other| assert_eq!(*other, first));
        first.2.map(|()| first.0)
    }

    fn extras(frames: &[Vec<u8>]) -> Vec<Extra> {
        let stream = frames.concat();
        let (_, extras, _) = receive(&stream, 1);
        assert_eq!(receive(&stream, stream.len()).1, extras);
        extras
    }

    #[test]
    fn a_message_is_a_line_and_an_empty_one_is_nothing() {
        let ended = [masked(0x01, b"a\nb"), masked(0x80, b"\n"), masked(0x81, b"c"), masked(0x81, b"\n")];
        assert_eq!(lines(&ended).unwrap(), "a\nb\nc\n\n", "it may have its own end");
        assert_eq!(
            lines(&[masked(0x81, b"hi"), masked(0x81, b""), masked(0x81, b"88")]).unwrap(),
            "hi\n88\n"
        );
    }

    #[test]
    fn a_message_in_fragments_is_one_line_whatever_comes_in_between() {
        let frames = [
            masked(0x01, b"a"),
            masked(0x89, b"ping"),
            masked(0x00, b""),
            masked(0x8a, b""),
            masked(0x80, b"b"),
        ];
        assert_eq!(lines(&frames).unwrap(), "ab\n");
        assert_eq!(extras(&frames), [Extra::Ping(b"ping".to_vec())]);
    }

    #[test]
    fn of_a_pong_nothing_is_kept() {
        let (mut incoming, mut extras) = (Incoming::default(), Vec::new());
        let mut stream = [masked(0x8a, b"pong").repeat(1000), masked(0x89, b"ping")].concat();
        let length = stream.len();
        assert_eq!(incoming.receive(&mut stream, length, &mut extras), (0, Ok(())));
        assert_eq!(extras, [Extra::Ping(b"ping".to_vec())]);
        assert!(incoming.control.capacity() < 1000);
    }

    #[test]
    fn messages_of_every_length_arrive() {
        for length in [1, 125, 126, 127, 252, 255, 256, 0xffff, 0x10000, MAX_MESSAGE] {
            let text = "x".repeat(length);
            let stream = masked(0x81, text.as_bytes());
            assert_eq!(receive(&stream, 4000).0, format!("{text}\n"));
        }
        assert_eq!(lines(&[masked(0x81, &vec![b'x'; MAX_MESSAGE + 1])]), Err(Close::TooBig));
    }

    #[test]
    fn a_message_whose_length_says_that_it_is_huge_is_refused_by_its_head() {
        for length in [u64::MAX, 1 << 63, MAX_MESSAGE as u64 + 1] {
            let head = [&[0x81, 0xff][..], &length.to_be_bytes(), &MASK].concat();
            assert_eq!(receive(&head, 1).2, Err(Close::TooBig));
        }
        let parts = [masked(0x01, &vec![b'x'; MAX_MESSAGE]), masked(0x80, b"x")].concat();
        assert_eq!(receive(&parts, parts.len()).2, Err(Close::TooBig));
    }

    #[test]
    fn frames_that_must_not_be_are_refused() {
        let unmasked = [0x81, 2, b'h', b'i'].to_vec();
        let wrong = [
            (unmasked, "not masked"),
            (masked(0xc1, b"x"), "a reserved bit"),
            (masked(0x83, b"x"), "a reserved kind of data"),
            (masked(0x8b, b"x"), "a reserved kind of control"),
            (masked(0x80, b"x"), "nothing to continue"),
            (masked(0x09, b"x"), "a ping in fragments"),
            (masked(0x89, &[0; 126]), "a long ping"),
            ([masked(0x01, b"x"), masked(0x81, b"y")].concat(), "a message within another"),
            (masked(0x88, b"x"), "half a code"),
            (masked(0x88, &999u16.to_be_bytes()), "a code that is none"),
            (masked(0x88, &1005u16.to_be_bytes()), "a code that is never sent"),
        ];
        for (frame, what) in wrong {
            assert_eq!(lines(&[masked(0x81, b"good"), frame]), Err(Close::Protocol), "{what}");
        }
        assert_eq!(lines(&[masked(0x82, &[0; 17])]), Err(Close::TooBig));
    }

    #[test]
    fn a_character_may_be_cut_by_frames_and_reads_but_not_by_the_end_of_a_message() {
        let text = "aä€😀".as_bytes();
        for cut in 0..=text.len() {
            let (before, after) = text.split_at(cut);
            assert_eq!(lines(&[masked(0x01, before), masked(0x80, after)]).unwrap(), "aä€😀\n");
        }
        for wrong in [&b"\xff"[..], b"a\xc3", b"\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"] {
            assert_eq!(lines(&[masked(0x81, wrong)]), Err(Close::NotUtf8), "{wrong:?}");
        }
        assert_eq!(lines(&[masked(0x01, b"\xc3"), masked(0x80, b"")]), Err(Close::NotUtf8));
    }

    #[test]
    fn nothing_comes_after_a_close_frame() {
        for payload in [&b""[..], b"\x03\xe8", b"\x0f\xa0why"] {
            let frames = [masked(0x81, b"last"), masked(0x88, payload), masked(0x81, b"more"), vec![0; 9]];
            assert_eq!(lines(&frames).unwrap(), "last\n");
            assert_eq!(extras(&frames), [Extra::Close]);
        }
        assert_eq!(lines(&[masked(0x88, b"\x03\xe8\xff")]), Err(Close::NotUtf8));
    }

    #[test]
    fn what_comes_behind_the_first_message_stays_as_it_is() {
        for end in ["", "\n"] {
            let hello = masked(0x81, format!("threadchat 1\nticket x{end}").as_bytes());
            let more = masked(0x81, b"hi");
            let stream = [masked(0x89, b""), hello, more.clone()].concat();
            for read in [1, 2, 9, stream.len()] {
                let (mut incoming, mut first, mut extras) = (Incoming::default(), Vec::new(), Vec::new());
                let mut parts = stream.chunks(read);
                let behind =
                    parts.find_map(|part| incoming.receive_first(part, &mut first, &mut extras).unwrap());
                assert_eq!(first, b"threadchat 1\nticket x\n");
                assert_eq!(extras, [Extra::Ping(Vec::new())]);
                assert_eq!([behind.unwrap(), parts.flatten().copied().collect()].concat(), more);
            }
        }
    }

    #[test]
    fn a_question_is_no_line() {
        let frames = [masked(0x02, b"wh"), masked(0x80, b"o"), masked(0x82, b"alive")];
        assert_eq!(lines(&frames).unwrap(), "");
        let questions = ["who", "alive"].map(|question| Extra::Question(question.into()));
        assert_eq!(extras(&frames), questions);
    }

    #[test]
    fn frames_of_the_hub_are_not_masked_and_a_long_reason_is_cut_between_characters() {
        assert_eq!(text("hub ", b"hi\n"), b"\x81\x07hub hi\n");
        assert_eq!(pong(b"x"), b"\x8a\x01x");
        assert_eq!(close(Close::Normal, ""), b"\x88\x02\x03\xe8");
        let cut = close(Close::SentAway, &"ä".repeat(99));
        assert_eq!((cut[1], cut.len()), (124, 126));
        assert_eq!(text("", &[b'x'; 300])[..4], [0x81, 126, 1, 44]);
    }
}
