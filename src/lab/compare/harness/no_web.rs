//! For builds without browsers: nothing asks for one.

use crate::rules::failure::Failure;
use std::io;
use std::net::TcpStream;

const IMPOSSIBLE: &str = "this program lets no browsers in";

pub(crate) fn keep_tickets() -> Result<(), Failure> {
    Err(IMPOSSIBLE.into())
}

pub(crate) fn port() -> Result<u16, Failure> {
    Err(IMPOSSIBLE.into())
}

/// There is none.
pub(crate) enum Browser {}

impl Browser {
    pub(crate) fn join(_: &TcpStream) -> io::Result<Self> {
        Err(io::Error::other(IMPOSSIBLE))
    }

    pub(crate) fn send(&self, _: &[u8], _: &mut Vec<u8>) -> usize {
        match *self {}
    }

    pub(crate) fn receive(&mut self, _: &mut [u8], _: &mut Vec<u8>) {
        match *self {}
    }
}
