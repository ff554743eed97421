//! A program that speaks WebSocket as tungstenite does.

use super::*;
use tungstenite::client::ClientRequestBuilder;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error, Message, WebSocket, client};

pub struct Browser(pub WebSocket<TcpStream>);

impl Browser {
    /// The WebSocket is open, and nothing has been said.
    #[track_caller]
    pub fn calls(hub: &Hub) -> Self {
        Self::calls_with(hub, &[]).unwrap()
    }

    /// The same with these header fields. Returns the status if it is refused.
    pub fn calls_with(hub: &Hub, fields: &[(&str, &str)]) -> Result<Self, u16> {
        let request = ClientRequestBuilder::new(format!("ws://127.0.0.1:{}/ws", hub.web).parse().unwrap());
        let request =
            fields.iter().fold(request, |request, (name, value)| request.with_header(*name, *value));
        match client(request, call(hub.web)) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    pub fn joins(hub: &Hub, name: &str) -> Self {
        Self::calls(hub).enters(hub, name)
    }

    /// Becomes a member.
    #[track_caller]
    pub fn enters(mut self, hub: &Hub, name: &str) -> Self {
        self.says(&hello(hub, name));
        assert_eq!(self.hears_until("you ").split(' ').nth(2), Some(name));
        self.hears_until("past ");
        self
    }

    /// Sends a text message.
    #[track_caller]
    pub fn says(&mut self, text: &str) {
        self.sends(Message::text(text));
    }

    #[track_caller]
    pub fn sends(&mut self, message: Message) {
        self.0.send(message).unwrap();
    }

    /// Sends a part of a text message.
    #[track_caller]
    pub fn sends_part(&mut self, part: impl Into<Vec<u8>>, is_first: bool, is_last: bool) {
        let kind = if is_first { Data::Text } else { Data::Continue };
        self.sends(Message::Frame(Frame::message(part.into(), OpCode::Data(kind), is_last)));
    }

    /// The next message that is not the answer to a ping.
    #[track_caller]
    pub fn hears(&mut self) -> String {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return text.to_string(),
                Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads until a message that begins with this.
    #[track_caller]
    pub fn hears_until(&mut self, begin: &str) -> String {
        loop {
            let message = self.hears();
            if message.starts_with(begin) {
                return message;
            }
        }
    }

    /// Reads until somebody's line.
    #[track_caller]
    pub fn hears_said(&mut self, line: &str) {
        while !self.hears_until("said ").lines().any(|said| said.ends_with(line)) {}
    }

    /// Reads until the end of the WebSocket. Returns the code with which the hub closes, and why, and checks that the connection ends then.
    #[track_caller]
    pub fn closed(mut self) -> (u16, String) {
        let mut found = None;
        loop {
            match self.0.read() {
                Ok(Message::Close(Some(CloseFrame { code, reason }))) => {
                    found = Some((u16::from(code), reason.to_string()));
                }
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return found.unwrap(),
                Err(error) => panic!("{error} after {found:?}"),
            }
        }
    }
}

/// The first message of a chat page.
pub fn hello(hub: &Hub, name: &str) -> String {
    format!("threadchat 1\nticket {}\nname {name}\n", hub.ticket)
}
