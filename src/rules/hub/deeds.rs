//! What members do that others notice. Between what a member asks for and what is done is one door, [`Hub::does`].
//!
//! Each file has two parts of a deed next to each other: the first checks whether the member may, and answers if not; the second,
//! `apply_…`, does it. In a linked hub, what all hubs notice goes [a long way](super::linked) in between.

use super::id::Id;
use super::name::Name;
use super::posting::Form;
use super::state::Hub;
use crate::rules::moment::Moment;
use ipnet::IpNet;

/// What a member does that others notice.
#[derive(Debug)]
pub(super) enum Deed<'a> {
    /// It is somebody.
    Joins,
    /// It says these [lines](Hub::append_lines) to its room.
    Says(Form, Vec<u8>),
    /// It writes this text to somebody.
    Tells(Id, &'a [u8]),
    /// It has this name from now on, which nobody has.
    Renames(Name),
    /// It goes to this room, and leaves the one where it was.
    Enters(Name),
    /// It leaves, and this is how.
    Leaves(String),
    /// The operator bans these addresses.
    Bans(IpNet),
}

impl Hub {
    /// A member does something.
    pub(super) fn does(&mut self, id: Id, deed: Deed<'_>, now: Moment) {
        #[cfg(feature = "link")]
        if self.is_linked() {
            return self.log(id, deed, now);
        }
        self.apply(id, deed, now);
    }

    /// It is done.
    pub(super) fn apply(&mut self, id: Id, deed: Deed<'_>, now: Moment) {
        match deed {
            Deed::Joins => self.apply_joining(id, now),
            Deed::Says(form, lines) => self.apply_saying(id, form, lines, now),
            Deed::Tells(to, text) => self.apply_telling(id, to, text, now),
            Deed::Renames(name) => self.apply_renaming(id, &name, now),
            Deed::Enters(room) => self.apply_entering(id, room, now),
            Deed::Leaves(how) => self.apply_leaving(id, &how, now),
            Deed::Bans(net) => self.apply_banning(net, now),
        }
    }

    /// Answers somebody, of any hub, for a member of this one.
    pub(super) fn answer(&mut self, to: Id, by: Id, text: &str, now: Moment) {
        #[cfg(feature = "link")]
        if self.is_elsewhere(to) {
            return self.answer_elsewhere(to, by, text);
        }
        let _ = by;
        self.reply(to, text, now);
    }
}
