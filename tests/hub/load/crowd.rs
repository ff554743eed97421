//! More clients than there can be threads: their sockets, and one poller for all.

use crate::hub::{call_from, check_stamp};
use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

/// The most sockets that one poll returns.
const EVENTS: usize = 1024;

/// Clients by their number.
pub struct Crowd {
    port: u16,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    members: Vec<Option<Member>>,
}

struct Member {
    socket: TcpStream,
    /// The beginning of a line whose end has not arrived.
    part: Vec<u8>,
}

impl Crowd {
    /// An empty crowd of at most `places` clients of the hub at this port.
    pub fn new(port: u16, places: usize) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let members = std::iter::repeat_with(|| None).take(places).collect();
        Self { port, epoll, events: Vec::with_capacity(EVENTS), members }
    }

    /// Client `number` joins, from this address of this machine.
    #[track_caller]
    pub fn joins(&mut self, number: usize, from: [u8; 4]) {
        let socket = call_from(from, self.port, None);
        socket.set_nonblocking(true).unwrap();
        socket.set_nodelay(true).unwrap();
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)
            .unwrap();
        self.members[number] = Some(Member { socket, part: Vec::new() });
    }

    /// The connection of a client; `None` after it has ended.
    pub fn socket(&self, number: usize) -> Option<&TcpStream> {
        self.members[number].as_ref().map(|member| &member.socket)
    }

    /// Sends a line that is short enough for the system's buffer.
    #[track_caller]
    pub fn says(&self, number: usize, line: &str) {
        self.socket(number).unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Removes a client's connection from the crowd.
    pub fn takes_out(&mut self, number: usize) -> TcpStream {
        let member = self.members[number].take().unwrap();
        epoll::delete(&self.epoll, &member.socket).unwrap();
        member.socket
    }

    /// How many clients are connected.
    pub fn count(&self) -> usize {
        self.members.iter().flatten().count()
    }

    /// Waits at most this many milliseconds for input of any client, and reads it. Passes each line on without its stamp,
    /// after checking that. A client at the end of its stream leaves the crowd.
    pub fn hears(&mut self, milliseconds: i64, mut on_line: impl FnMut(usize, &[u8])) {
        let patience = Timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
        let mut events = std::mem::take(&mut self.events);
        epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&patience)).unwrap();
        let mut bytes = vec![0; 64 * 1024];
        for event in events.drain(..) {
            let number = usize::try_from(event.data.u64()).unwrap();
            let Some(member) = &mut self.members[number] else { continue };
            match member.socket.read(&mut bytes) {
                Ok(read @ 1..) => member.hears(&bytes[..read], |line| on_line(number, line)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => drop(self.takes_out(number)),
            }
        }
        self.events = events;
    }
}

impl Member {
    fn hears(&mut self, bytes: &[u8], mut on_line: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.part.extend_from_slice(piece);
            if self.part.ends_with(b"\n") {
                check_stamp(&self.part);
                on_line(&self.part[27..self.part.len() - 1]);
                self.part.clear();
            }
        }
    }
}

/// Raises the limit of descriptors of this process as far as possible.
pub fn may_have_many_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}
