//! The way in for browsers: visitors who ask for a page or for the WebSocket, and are no members.
//!
//! Every connection to the port for browsers begins as a visitor with an outbox of its own. Most get a page and are
//! disconnected. One that asks for the WebSocket and shows the ticket becomes a member, with
//! [what a browser has](super::browser), or a viewer of the hub.
//!
//! ```text
//! Hub::admit ──▶ Event::Visited ──▶ head of a request ──▶ a page, or why there is none ──▶ the end
//!                                          └────────────▶ first message ──▶ a member, or a viewer
//! ```
//!
//! Until then a visitor has no name, nobody is told of it, and it has some seconds.

use super::browser::{Close, Hello};
use super::event::{Action, Port};
use super::id::{Id, OPERATOR};
use super::member::Member;
use super::outbox::Outbox;
use super::post::{Kind, Memory};
use super::refusal::Refusal;
use super::state::Hub;
use super::waiting::Waiting;
use crate::rules::buffer::Buffer;
use crate::rules::messages::Messages;
use crate::rules::moment::Moment;
use crate::rules::notice::Notice;
use crate::rules::secure::Peer;
use crate::rules::web::{self, Links, MAX_HEAD, Request, Ticket, Tickets};
use crate::rules::wire::websocket::{self, Extra, Incoming};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the head of a request may take, and then the first message.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// How long a visitor may take to read the answer.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// How long it may take to close, once it has got everything.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// The longest first message, in bytes.
const MAX_HELLO: usize = 1024;

/// While this many bytes for a visitor are unwritten, its pings have no answer.
const MAX_UNREAD: usize = 8 * 1024;

/// The first line of the first message of the chat page.
const CHAT: &str = "threadchat 1";

/// The same of the projector page.
const LIVE: &str = "threadchat-live 1";

/// How many projectors there may be.
const MAX_VIEWERS: usize = 8;

/// How many pictures one of them may miss: those of a minute.
const MAX_MISSED: usize = 600;

/// How often they get a picture.
const SHOW_EVERY: Duration = Duration::from_millis(100);

/// What the user has chosen for browsers.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// The names by which browsers may call this host, beside its addresses. Links have the first one.
    pub names: Vec<String>,
    /// Who has one may come in.
    pub tickets: Tickets,
    /// Where this host can be reached, for links.
    pub hosts: Vec<IpAddr>,
    /// The port that visitors call.
    pub port: u16,
}

/// What a hub has that lets browsers in.
#[derive(Debug)]
pub(super) struct Web {
    settings: WebSettings,
    /// Tells a page whether the hub has begun anew.
    epoch: String,
    pub(super) visitors: Waiting<Visitor>,
    /// What a browser has just sent.
    relayed: Option<Messages>,
    /// When those who view the hub get the next picture. None if nobody does.
    show_at: Option<Instant>,
    /// What it says of the members.
    status: String,
}

/// A connection that is not a member's.
#[derive(Debug)]
pub(super) struct Visitor {
    secured: Option<Arc<Peer>>,
    outbox: Outbox,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Some of the head of its request.
    Asking(Vec<u8>),
    /// The WebSocket is open, and this has come of the first message.
    Opening(Box<Incoming>, Vec<u8>),
    /// The projector page. It stays, and missed that many of the last messages, because it had not read the ones before.
    Viewing(Box<Incoming>, usize),
    /// It gets what is in its outbox, and nothing more is heard.
    Leaving,
    /// The same, and it has closed its half already.
    Left,
}

impl Web {
    /// What visitors call.
    pub(super) fn port(&self) -> u16 {
        self.settings.port
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.visitors.poll_timeout().into_iter().chain(self.show_at).min()
    }

    pub(super) fn outbox(&mut self, id: Id) -> Option<&mut Outbox> {
        self.visitors.get_mut(id).map(|visitor| &mut visitor.outbox)
    }

    /// How many visitors view the hub.
    fn viewers(&mut self) -> usize {
        self.visitors.iter_mut().filter(|(_, visitor)| matches!(visitor.stage, Stage::Viewing(..))).count()
    }
}

impl Hub {
    /// Browsers may come in, too. Call it before the first one is admitted, and after [`encrypt`](Self::encrypt), if that is called.
    pub fn open_web(&mut self, settings: WebSettings) {
        let epoch = Ticket::generate().map(|random| random.reveal()[..8].to_owned()).unwrap_or_default();
        let (visitors, relayed, show_at, status) = (Waiting::default(), None, None, String::new());
        self.web = Some(Box::new(Web { settings, epoch, visitors, relayed, show_at, status }));
        let links = self.links();
        self.actions.extend(links.map(|links| Action::Report(Notice::Web(links))));
    }

    pub(super) fn has_visitor(&self, id: Id) -> bool {
        self.web.as_ref().is_some_and(|web| web.visitors.peer(id).is_some())
    }

    /// What the event that was just handled brought in to be relayed from a browser, for observers.
    pub fn take_relayed(&mut self) -> Option<Messages> {
        self.web.as_mut()?.relayed.take()
    }

    /// A browser has sent these lines.
    pub(super) fn browser_says(&mut self, messages: Messages) {
        if let Some(web) = &mut self.web {
            web.relayed = Some(messages).filter(|messages| *messages != Messages::NONE);
        }
    }

    /// What tells one run of the hub from another.
    pub(super) fn epoch(&self) -> Option<&str> {
        self.web.as_ref().map(|web| &*web.epoch)
    }

    fn links(&self) -> Option<Links> {
        let WebSettings { names, tickets, hosts, port } = &self.web.as_ref()?.settings;
        let scheme = if self.is_encrypted() { "https" } else { "http" };
        let host = |host: &IpAddr| SocketAddr::new(*host, *port).to_string();
        let hosts = names.iter().map(|name| format!("{name}:{port}")).chain(hosts.iter().map(host));
        let bases = hosts.map(|host| format!("{scheme}://{host}")).collect();
        Some(Links { bases, tickets: tickets.clone() })
    }

    /// `/link`.
    pub(super) fn reply_link(&mut self, what: &str, now: Moment) {
        let Some(web) = &mut self.web else {
            return self.reply(OPERATOR, "there is no link: this hub was started without --web", now);
        };
        match what {
            "" => {}
            "new" => match Ticket::generate() {
                Some(new) => {
                    web.settings.tickets.chat = new;
                    let tickets = web.settings.tickets.clone();
                    self.actions.push_back(Action::KeepTickets(tickets));
                    self.reply(OPERATOR, "the old link is void; those who are here stay", now);
                }
                None => return self.reply(OPERATOR, "the system gives no random bytes: the link stays", now),
            },
            _ => return self.reply(OPERATOR, "usage: /link, or /link new", now),
        }
        let link = self.links();
        self.actions.extend(link.map(|links| Action::Report(Notice::Link(links))));
    }

    /// Whether a visitor may come.
    pub(super) fn admit_visitor(&mut self, peer: SocketAddr) -> Result<(), Refusal> {
        self.admission.check_caller(peer.ip(), self.connections())?;
        self.web.as_ref().map_or(Err(Refusal::NotAllowed), |web| web.visitors.check_places(peer.ip()))
    }

    /// A visitor has come, and what it sends is plaintext.
    pub(super) fn handle_visited(
        &mut self,
        id: Id,
        peer: SocketAddr,
        secured: Option<Arc<Peer>>,
        now: Instant,
    ) {
        let Some(web) = &mut self.web else { return };
        let (outbox, stage) = (Outbox::for_browser(), Stage::Asking(Vec::new()));
        web.visitors.add(id, peer, now + ASK_WITHIN, Visitor { secured, outbox, stage });
    }

    /// A visitor has sent this.
    pub(super) fn hear_visitor(&mut self, id: Id, read: &[u8], now: Moment) {
        let Some(web) = &mut self.web else { return };
        let Some(visitor) = web.visitors.get_mut(id) else { return };
        match &mut visitor.stage {
            Stage::Leaving | Stage::Left => {}
            Stage::Viewing(incoming, _) => {
                let (mut bytes, mut extras) = (read.to_vec(), Vec::new());
                let (_, result) = incoming.receive(&mut bytes, read.len(), &mut extras);
                self.answer_visitor(id, extras, result, now.instant);
            }
            Stage::Asking(head) => {
                let before = head.len();
                head.extend_from_slice(&read[..read.len().min(MAX_HEAD - before)]);
                match web::parse(head, &web.settings.names) {
                    Ok(None) => {}
                    Ok(Some((Request::Page { path, is_head, host }, _))) => {
                        self.dismiss_visitor(id, web::page(path, &host, is_head), now.instant);
                    }
                    Ok(Some((Request::Socket { key }, length))) => {
                        visitor.stage = Stage::Opening(Box::default(), Vec::new());
                        web.visitors.allow(id, Some(now.instant + ASK_WITHIN));
                        self.post_to_visitor(id, web::socket(&key));
                        // A client may not wait for the answer.
                        self.hear_visitor(id, &read[length - before..], now);
                    }
                    Err(bad) => self.dismiss_visitor(id, web::bad(bad), now.instant),
                }
            }
            Stage::Opening(incoming, hello) => {
                let mut extras = Vec::new();
                let (behind, result) = match incoming.receive_first(read, hello, &mut extras) {
                    Ok(behind) => (behind, Ok(())),
                    Err(close) => (None, Err(close)),
                };
                let is_too_long = hello.len() > MAX_HELLO;
                if self.answer_visitor(id, extras, result, now.instant) {
                    return;
                }
                if is_too_long {
                    let reason = "the first message is too long";
                    return self.close_visitor(id, Close::TooBig, reason, now.instant);
                }
                if let Some(behind) = behind {
                    self.let_in(id, now);
                    // A client need not wait for the answer.
                    self.handle_read(id, Buffer::with_input(&behind), now);
                }
            }
        }
    }

    /// Answers what a visitor has sent through its WebSocket beside text, or closes it. Returns whether it does that.
    fn answer_visitor(
        &mut self,
        id: Id,
        extras: Vec<Extra>,
        result: Result<(), Close>,
        now: Instant,
    ) -> bool {
        for extra in extras {
            match extra {
                Extra::Ping(payload) => {
                    let pending =
                        self.web.as_mut().and_then(|web| web.outbox(id)).map(|outbox| outbox.pending());
                    // Who asks and does not read must not fill its outbox.
                    if pending.is_some_and(|pending| pending < MAX_UNREAD) {
                        self.post_to_visitor(id, websocket::pong(&payload));
                    }
                }
                Extra::Close => {
                    self.close_visitor(id, Close::Normal, "", now);
                    return true;
                }
                Extra::Question(_) => {}
            }
        }
        if let Err(close) = result {
            self.close_visitor(id, close, "this is not what a browser sends", now);
        }
        result.is_err()
    }

    /// The first message of a visitor is complete.
    fn let_in(&mut self, id: Id, now: Moment) {
        let connections = self.connections();
        let Some(web) = &mut self.web else { return };
        let Some(peer) = web.visitors.peer(id) else { return };
        let Some(Visitor { stage: Stage::Opening(_, text), .. }) = web.visitors.get_mut(id) else { return };
        let text = std::mem::take(text);
        let hello = Hello::parse(str::from_utf8(&text).unwrap_or_default());
        let ticket = match hello.page {
            CHAT => &web.settings.tickets.chat,
            LIVE => &web.settings.tickets.live,
            _ => {
                let reason = "the page is not of this version";
                return self.close_visitor(id, Close::OtherVersion, reason, now.instant);
            }
        };
        if !hello.ticket.as_ref().is_some_and(|shown| shown == ticket) {
            return self.close_visitor(id, Close::WrongTicket, "the link is not valid", now.instant);
        }
        if hello.page == LIVE {
            return self.let_view(id, now.instant);
        }
        let is_done = |id| self.members.get(&id).is_some_and(Member::is_done);
        match self.admission.admit(peer.ip(), connections - 1, is_done) {
            Ok(to_close) => {
                let Some(token) = Ticket::generate() else {
                    let why = Refusal::NoResources.to_string();
                    return self.close_visitor(id, Close::TryAgainLater, &why, now.instant);
                };
                to_close.into_iter().for_each(|id| self.disconnect(id, now.instant));
                let visitor = self.web.as_mut().and_then(|web| web.visitors.take(id));
                if let Some((_, Visitor { secured, outbox, stage: Stage::Opening(incoming, _) })) = visitor {
                    self.join_browser(id, peer, (secured, outbox, *incoming), token, &hello, now);
                }
            }
            Err(refusal) => self.close_visitor(id, Close::TryAgainLater, &refusal.to_string(), now.instant),
        }
    }

    /// A visitor views the hub from now on.
    fn let_view(&mut self, id: Id, now: Instant) {
        let Some(web) = &mut self.web else { return };
        if web.viewers() == MAX_VIEWERS {
            return self.close_visitor(id, Close::TryAgainLater, "there are enough projectors", now);
        }
        let Some(visitor) = web.visitors.get_mut(id) else { return };
        if let Stage::Opening(incoming, _) = std::mem::replace(&mut visitor.stage, Stage::Leaving) {
            visitor.stage = Stage::Viewing(incoming, 0);
        }
        web.visitors.allow(id, None);
        self.watch_if_viewed(now);
    }

    /// Lets the steps be recorded from the first viewer on, and after the last one no more.
    fn watch_if_viewed(&mut self, now: Instant) {
        let Some(web) = &mut self.web else { return };
        let is_viewed = web.viewers() > 0;
        if web.show_at.is_some() != is_viewed {
            web.show_at = is_viewed.then_some(now);
            self.actions.push_back(Action::Watch(is_viewed));
        }
    }

    /// Asks for the steps that those who view the hub are shown, when it is time.
    pub(super) fn ask_for_steps(&mut self, now: Instant) {
        if let Some(web) = &mut self.web
            && web.show_at.is_some_and(|show_at| show_at <= now)
        {
            web.show_at = Some(now + SHOW_EVERY);
            let (listed, status) = self.status();
            if let Some(web) = &mut self.web {
                web.status = status;
            }
            self.actions.push_back(Action::TakeSteps(listed));
        }
    }

    /// Shows these steps, and the clients, to those who view the hub. Who has not read what came before misses it.
    pub(super) fn show_steps(&mut self, steps: &[u8]) {
        let Some(web) = &mut self.web else { return };
        let (mut shown, mut gone) = (Vec::new(), Vec::new());
        for (id, visitor) in web.visitors.iter_mut() {
            let Stage::Viewing(_, missed) = &mut visitor.stage else { continue };
            if visitor.outbox.pending() > 0 {
                *missed += 1;
                gone.extend((*missed > MAX_MISSED).then_some(id));
                continue;
            }
            let words = format!("live {} ", std::mem::take(missed));
            shown.push((id, websocket::text(&words, &[web.status.as_bytes(), steps].concat())));
        }
        for (id, picture) in shown {
            self.post_to_visitor(id, picture);
        }
        for id in gone {
            self.end_visitor(id);
        }
    }

    /// Closes the WebSocket of a visitor.
    fn close_visitor(&mut self, id: Id, close: Close, reason: &str, now: Instant) {
        self.dismiss_visitor(id, websocket::close(close, reason), now);
    }

    /// Sends a visitor the last thing that it gets.
    fn dismiss_visitor(&mut self, id: Id, answer: Vec<u8>, now: Instant) {
        self.post_to_visitor(id, answer);
        let Some(web) = &mut self.web else { return };
        web.visitors.allow(id, Some(now + READ_WITHIN));
        if let Some(visitor) = web.visitors.get_mut(id) {
            visitor.stage = Stage::Leaving;
        }
        self.watch_if_viewed(now);
    }

    fn post_to_visitor(&mut self, id: Id, bytes: Vec<u8>) {
        let Some(web) = &mut self.web else { return };
        if let Some(outbox) = web.outbox(id) {
            // It is not counted with what members get: visitors are few, and their time is short.
            outbox.push(Memory::default().post(Kind::Answer, None, bytes, 0));
            self.actions.push_back(Action::Write(id));
        }
    }

    /// Something of a visitor's outbox has been written.
    pub(super) fn wrote_to_visitor(&mut self, id: Id, bytes: usize) {
        let Some(web) = &mut self.web else { return };
        let Some(visitor) = web.visitors.get_mut(id) else { return };
        visitor.outbox.advance(bytes);
        if visitor.outbox.pending() == 0 {
            match visitor.stage {
                Stage::Leaving => {
                    web.visitors.allow(id, Some(self.now + CLOSE_WITHIN));
                    self.actions.push_back(Action::HalfClose(id));
                }
                Stage::Left => drop(self.end_visitor(id)),
                _ => {}
            }
        }
    }

    /// Nothing more comes from a visitor. It still gets the answer that it waits for. Returns whether it is one.
    pub(super) fn visitor_has_ended(&mut self, id: Id) -> bool {
        match self.web.as_mut().and_then(|web| web.visitors.get_mut(id)) {
            Some(visitor) if matches!(visitor.stage, Stage::Leaving) && visitor.outbox.pending() > 0 => {
                visitor.stage = Stage::Left;
                true
            }
            _ => self.end_visitor(id),
        }
    }

    /// Disconnects a visitor: nothing more can be written to it, or its time is up. Returns whether it is one.
    pub(super) fn end_visitor(&mut self, id: Id) -> bool {
        if self.web.as_mut().and_then(|web| web.visitors.take(id)).is_none() {
            return false;
        }
        self.watch_if_viewed(self.now);
        self.actions.push_back(Action::Disconnect(id));
        true
    }

    /// Tells visitors that their time is up, and disconnects those who were told.
    pub(super) fn end_late_visitors(&mut self, now: Instant) {
        while let Some(web) = &mut self.web
            && let Some(id) = web.visitors.next_late(now)
        {
            match web.visitors.get_mut(id).map(|visitor| &visitor.stage) {
                Some(Stage::Asking(_)) => self.dismiss_visitor(id, web::bad(web::Bad::Slow), now),
                Some(Stage::Opening(..)) => {
                    self.close_visitor(id, Close::Policy, "the first message did not come in time", now);
                }
                _ => drop(self.end_visitor(id)),
            }
        }
    }

    /// Disconnects all visitors: nobody joins any more.
    pub(super) fn end_visitors(&mut self) {
        let visitors = self.web.iter().flat_map(|web| web.visitors.ids());
        for id in visitors.collect::<Vec<_>>() {
            self.end_visitor(id);
        }
    }
}

impl Port {
    /// Whether it is for browsers.
    pub(super) fn is_web(self) -> bool {
        self == Self::Web
    }
}
