//! The links that lead browsers to a hub.

use super::ticket::{Ticket, Tickets};
use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write;

/// How many modules of light surround a code (ISO/IEC 18004).
const QUIET_ZONE: i32 = 4;

/// The links of a hub, and who has one may come in.
#[derive(Debug, Clone)]
pub struct Links {
    /// What they begin with: the scheme, the host and the port. A machine has several addresses, and the first is the best guess.
    pub bases: Vec<String>,
    /// What they end with.
    pub tickets: Tickets,
}

impl Links {
    fn to(&self, path: &str, ticket: &Ticket) -> Vec<String> {
        self.bases.iter().map(|base| format!("{base}{path}#{}", ticket.reveal())).collect()
    }

    /// Those to the chat page.
    #[must_use]
    pub fn chat(&self) -> Vec<String> {
        self.to("/", &self.tickets.chat)
    }

    /// Those to the projector page.
    #[must_use]
    pub fn live(&self) -> Vec<String> {
        self.to("/live", &self.tickets.live)
    }

    /// The links to the chat page, and below them the first one as a QR code.
    #[must_use]
    pub fn to_scan(&self) -> String {
        let links = self.chat();
        let code = links.first().map(|link| draw(link)).unwrap_or_default();
        format!("{}\n{}", links.join("\n"), code.trim_end_matches('\n'))
    }
}

/// Whether a line is a part of a QR code.
#[must_use]
pub fn is_drawn(line: &str) -> bool {
    line.len() > 2 * QUIET_ZONE as usize && line.chars().all(|shape| matches!(shape, ' ' | '█' | '▀' | '▄'))
}

/// A QR code, of which each character holds two modules, one above the other. What is drawn is dark.
fn draw(text: &str) -> String {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Low) else { return String::new() };
    let range = -QUIET_ZONE..code.size() + QUIET_ZONE;
    let mut drawn = String::new();
    for y in range.clone().step_by(2) {
        let row = range.clone().map(|x| match (code.get_module(x, y), code.get_module(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        // Writing to a string cannot fail.
        let _ = writeln!(drawn, "{}", row.collect::<String>());
    }
    drawn
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_link_ends_in_the_ticket_which_no_server_is_sent() {
        let bases = ["http://192.0.2.7:21568", "http://[2001:db8::1]:21568"].map(str::to_owned).to_vec();
        let links = Links { bases, tickets: Tickets::generate().unwrap() };
        let (chat, live) = (links.tickets.chat.reveal(), links.tickets.live.reveal());
        let expected =
            [format!("http://192.0.2.7:21568/#{chat}"), format!("http://[2001:db8::1]:21568/#{chat}")];
        assert_eq!(links.chat(), expected);
        assert_eq!(links.live()[0], format!("http://192.0.2.7:21568/live#{live}"));
    }

    #[test]
    fn a_code_is_as_wide_as_it_is_high_and_fits_a_terminal() {
        let drawn = draw("http://192.168.100.200:21568/#abcdefghijklmnop");
        let lines: Vec<&str> = drawn.lines().collect();
        assert!(lines.iter().all(|line| is_drawn(line) && line.chars().count() == 37), "{drawn}");
        assert_eq!(lines.len(), 19);
        assert!(!is_drawn("") && !is_drawn("http://localhost"));
    }
}
