//! Who is here, what waits for them, and who waits for whom: what the page `/live` is told ten times a second (`docs/web.md`).

use super::id::Id;
use super::member::Member;
use super::state::Hub;
use super::turns::Wait;
use std::fmt::Write;

/// How many members are told one by one: as many lanes as a screen has place for. The others are summed up.
pub(super) const LISTED: usize = 48;

/// How urgent it is that a member has a lane, and who waits for whom.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    IsFull,
    Waits,
    IsBehind,
    IsUpToDate,
}

impl Hub {
    /// The members that are told one by one, and the lines about them and all others.
    pub(super) fn status(&self) -> (Vec<Id>, String) {
        let here = || self.members.iter().filter(|(_, member)| member.is_here && member.leaving.is_none());
        let mut ranked: Vec<_> = here().map(|(id, member)| (rank(member), *id)).collect();
        let count = ranked.len();
        let of = |wanted: Rank| ranked.iter().filter(|(rank, _)| *rank == wanted).count();
        let (full, waiting) = (of(Rank::IsFull), of(Rank::Waits));
        if count > LISTED {
            ranked.select_nth_unstable(LISTED);
            ranked.truncate(LISTED);
        }
        let mut listed: Vec<_> = ranked.into_iter().map(|(_, id)| id).collect();
        listed.sort_unstable();
        let mut lines =
            format!("members {count} {} {full} {waiting} {}\n", self.rooms.len(), self.settings.outbox);
        for id in &listed {
            if let Some(member) = self.members.get(id) {
                self.write_member(&mut lines, *id, member);
            }
        }
        (listed, lines)
    }

    fn write_member(&self, lines: &mut String, id: Id, member: &Member) {
        let (name, outbox) = (member.name.shown(), &member.outbox);
        let room = self.rooms.get(&member.room).map_or("-", |room| room.name.shown());
        let state = if member.is_full { "full" } else { "ok" };
        let waits: Vec<_> = self.waits_for(id, member).iter().map(|id| id.0.to_string()).collect();
        let waits = if waits.is_empty() { "-".to_owned() } else { waits.join(",") };
        // Writing to memory does not fail.
        let _ = writeln!(
            lines,
            "member {} {} {} {state} {waits} {room} {name}",
            id.0,
            outbox.pending(),
            outbox.said()
        );
    }

    /// Whose outboxes this member waits for.
    fn waits_for(&self, id: Id, member: &Member) -> Vec<Id> {
        match member.inbox.backlog.wait {
            Some(Wait::Room) => {
                self.outboxes.full_in(&member.room).filter(|full| *full != id).take(LISTED).collect()
            }
            Some(Wait::Receiver(to)) => vec![to],
            _ => Vec::new(),
        }
    }
}

fn rank(member: &Member) -> Rank {
    match member.inbox.backlog.wait {
        _ if member.is_full => Rank::IsFull,
        Some(Wait::Room | Wait::Receiver(_)) => Rank::Waits,
        _ if member.outbox.pending() > 0 => Rank::IsBehind,
        _ => Rank::IsUpToDate,
    }
}
