//! What the page in a browser says and understands (`docs/web.md`).

use std::fmt::Write as _;

/// What every browser sends first.
const REQUEST: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What a page remembers of its connection.
#[derive(Debug, Default, Clone)]
pub struct Page {
    pub name: String,
    pub room: String,
    epoch: String,
    token: String,
    /// The number of the next line of its room.
    next: u64,
    /// How many of its lines the hub has executed.
    pub done: usize,
    /// What it received, as netcat would have received it.
    pub lines: Vec<u8>,
    /// It ignores somebody, so numbers may be missing.
    pub ignores: bool,
    /// How many bytes of what the connection received it has read.
    read: usize,
    /// It has another room, whose history comes next.
    is_elsewhere: bool,
    /// The epoch, the room and the next number of the page whose place it takes.
    known: Option<(String, String, u64)>,
}

impl Page {
    /// What opens the WebSocket and asks to come in, in the place of the connection before, if there was one.
    pub fn hello(ticket: &str, before: Option<&Self>) -> Vec<u8> {
        let mut hello = format!("threadchat 1\nticket {ticket}\n");
        if let Some(Self { name, room, epoch, token, next, .. }) = before.filter(|page| page.next > 0) {
            let last = next - 1;
            let _ = write!(hello, "name {name}\nroom {room}\nafter {epoch} {last}\nagain {token}\n");
        }
        [REQUEST.as_bytes(), &message(&hello)].concat()
    }

    /// A page that takes the place of this one.
    pub fn after(before: Option<&Self>) -> Self {
        let known = before
            .filter(|page| page.next > 0)
            .map(|page| (page.epoch.clone(), page.room.clone(), page.next));
        Self { known, ..Self::default() }
    }

    /// Reads what has come since the last call, of everything that the connection has received.
    ///
    /// # Errors
    /// It is not what `docs/web.md` promises.
    pub fn read(&mut self, received: &[u8]) -> Result<(), String> {
        if self.read == 0 {
            let Some(head) = received.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(()) };
            // Anything else is a page that says why not.
            self.read = if received.starts_with(b"HTTP/1.1 101 ") { head + 4 } else { return Ok(()) };
        }
        while let Some((kind, payload, rest)) = frame(&received[self.read..]) {
            self.read = received.len() - rest.len();
            if kind == 1 {
                let text = str::from_utf8(payload).map_err(|_| "a message that is no UTF-8")?;
                self.hears(text).map_err(|error| {
                    let begin: String = text.chars().take(60).collect();
                    format!("{begin:?}: {error}")
                })?;
            }
        }
        Ok(())
    }

    fn hears(&mut self, text: &str) -> Result<(), String> {
        let ignores = self.ignores;
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or_else(|| "a word is missing".to_owned());
        let number = |word: &str| word.parse::<u64>().map_err(|_| format!("{word} is no number"));
        match word()? {
            "you" => {
                word()?;
                let (name, room) = (word()?.to_owned(), word()?.to_owned());
                self.is_elsewhere = room != self.room;
                (self.name, self.room) = (name, room);
                self.epoch = word()?.to_owned();
                let next = number(word()?)?;
                if !self.is_elsewhere && next != self.next && !ignores {
                    return Err(format!("the next line was to be {}", self.next));
                }
                self.next = next;
                self.token = word()?.to_owned();
            }
            "past" => {
                if !std::mem::take(&mut self.is_elsewhere) {
                    return Err("it is in that room already".to_owned());
                }
                let missed = number(word()?)?;
                let lines = text.splitn(3, ' ').nth(2).unwrap_or("");
                let mut first = self.next;
                for (n, line) in lines.lines().enumerate() {
                    let mut parts = line.splitn(3, ' ');
                    let (given, _, line) =
                        (parts.next().unwrap_or(""), parts.next(), parts.next().unwrap_or(""));
                    let given = number(given)?;
                    if n == 0 {
                        first = given;
                    } else if !ignores && given != first + n as u64 {
                        return Err(format!("{given} follows {}", first + n as u64 - 1));
                    }
                    self.lines.extend([line.as_bytes(), b"\n"].concat());
                }
                if let Some((epoch, room, next)) = self.known.take()
                    && (&epoch, &room) == (&self.epoch, &self.room)
                    && !ignores
                    // Other rooms may have been forgotten meanwhile.
                    && (first < next + missed || first > next + missed && room == "lobby")
                {
                    return Err(format!("{next} was next, {missed} are missed, but {first} comes"));
                }
            }
            "said" => {
                let given = number(word()?)?;
                if given < self.next || given > self.next && !ignores {
                    return Err(format!("{} was next", self.next));
                }
                let lines = text.splitn(4, ' ').nth(3).unwrap_or("");
                self.next = given + lines.lines().count() as u64;
                self.lines.extend(lines.as_bytes());
            }
            word @ ("news" | "told" | "hub") => self.lines.extend(&text.as_bytes()[word.len() + 1..]),
            "done" => self.done = number(word()?)? as usize,
            "who" | "rooms" | "alive" => {}
            _ => return Err("this word is not known".to_owned()),
        }
        Ok(())
    }
}

/// A text message of a browser. The mask is zero, so it can be read in a dump.
pub fn message(text: &str) -> Vec<u8> {
    let length = text.len();
    let mut message = match length {
        0..126 => vec![0x81, 0x80 | length as u8],
        126..0x1_0000 => [&[0x81, 0x80 | 126][..], &(length as u16).to_be_bytes()].concat(),
        _ => [&[0x81, 0x80 | 127][..], &(length as u64).to_be_bytes()].concat(),
    };
    message.extend([0; 4]);
    message.extend(text.as_bytes());
    message
}

/// The first frame of a hub: its kind, what is in it, and what follows. None if it is not complete.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, length) = (bytes.first()? & 15, *bytes.get(1)?);
    let (head, length) = match length {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        _ => (2, u64::from(length)),
    };
    let end = head + usize::try_from(length).ok()?;
    Some((kind, bytes.get(head..end)?, bytes.get(end..)?))
}
