//! What members do that others notice. Between what a member asks for and what is done is one door, [`Hub::does`].
//!
//! Each file has two parts of a deed next to each other: the first checks whether the member may, and answers if not; the second,
//! `apply_…`, does it.

use super::id::Id;
use super::name::Name;
use super::posting::Form;
use super::state::Hub;
use crate::rules::moment::Moment;

/// What a member does that others notice.
#[derive(Debug)]
pub(super) enum Deed {
    /// It is somebody.
    Joins,
    /// It says these lines to its room.
    Says(Form, Vec<u8>),
    /// It writes this line to somebody.
    Tells(Id, Vec<u8>),
    /// It has this name from now on, which nobody has.
    Renames(Name),
    /// It goes to this room, and leaves the one where it was.
    Enters(Name),
    /// It leaves, and this is how.
    Leaves(String),
}

impl Hub {
    /// A member does something.
    pub(super) fn does(&mut self, id: Id, deed: Deed, now: Moment) {
        self.apply(id, deed, now);
    }

    /// It is done.
    fn apply(&mut self, id: Id, deed: Deed, now: Moment) {
        match deed {
            Deed::Joins => self.apply_joining(id, now),
            Deed::Says(form, lines) => self.apply_saying(id, form, lines, now),
            Deed::Tells(to, line) => self.apply_telling(id, to, line, now),
            Deed::Renames(name) => self.apply_renaming(id, &name, now),
            Deed::Enters(room) => self.apply_entering(id, room, now),
            Deed::Leaves(how) => self.apply_leaving(id, &how, now),
        }
    }
}
