//! The proof that both sides have the same code, inside TLS.
//!
//! TLS with keys that nobody knows is private with somebody. The code says with whom: SPAKE2 makes a key of it that only the
//! two can have, and that nobody can guess from what was exchanged, offline or later. Each then confirms, with that key, what
//! *its* TLS connection has agreed on. Somebody in the middle has two connections, so the confirmations do not match. The
//! crate `spake2` does not wipe its copy of the code, which is dropped with the exchange.
//!
//! ```text
//! both       version, flags         2 bytes; if both trust each other already, this is all
//! both       SPAKE2 message        33 bytes
//! caller     confirmation          32 bytes; answered only if it is right, so that a guess costs a code
//! called     confirmation          32 bytes
//! ```

use ring::hmac;
use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::Zeroizing;

use super::channel::How;
use super::{ChannelError, Code};

const VERSION: u8 = 1;
/// The sender trusts the receiver without a code.
const TRUSTS: u8 = 1;
/// The sender has a code.
const HAS_CODE: u8 = 2;

const PREAMBLE: usize = 2;
const MESSAGE: usize = 33;
const CONFIRMATION: usize = 32;
/// The longest part of the proof.
pub(super) const LONGEST: usize = MESSAGE;

/// Which side of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Called,
}

impl Role {
    fn other(self) -> Self {
        match self {
            Self::Caller => Self::Called,
            Self::Called => Self::Caller,
        }
    }

    /// Differs, so that no confirmation can be sent back to where it came from.
    fn name(self) -> &'static [u8] {
        match self {
            Self::Caller => b"threadchat connect",
            Self::Called => b"threadchat serve",
        }
    }
}

/// What the two connections have in common only if nobody is in between: keying material of TLS.
pub(super) type Binding = Zeroizing<[u8; 32]>;

/// One side of the proof, from the first byte that is sent until both believe.
pub(super) struct Proof {
    role: Role,
    /// How the other side is trusted already.
    how: Option<How>,
    code: Option<Code>,
    binding: Binding,
    step: Step,
}

/// What comes next from the other side.
enum Step {
    Preamble,
    Message(Spake2<Ed25519Group>),
    Confirmation(hmac::Key),
}

impl Proof {
    /// Begins: appends what to send.
    pub(super) fn start(
        role: Role,
        how: Option<How>,
        code: Option<Code>,
        binding: Binding,
        output: &mut Vec<u8>,
    ) -> Self {
        let trusts = if how.is_some() { TRUSTS } else { 0 };
        let has_code = if code.is_some() { HAS_CODE } else { 0 };
        output.extend([VERSION, trusts | has_code]);
        Self { role, how, code, binding, step: Step::Preamble }
    }

    /// Whether both must prove that they have the code.
    pub(super) fn used_code(&self) -> bool {
        !matches!(self.step, Step::Preamble)
    }

    /// How many bytes [`Proof::receive`] must be given next.
    pub(super) fn needs(&self) -> usize {
        match self.step {
            Step::Preamble => PREAMBLE,
            Step::Message(_) => MESSAGE,
            Step::Confirmation(_) => CONFIRMATION,
        }
    }

    /// Receives a part of the proof and appends what to send. Returns how the other side is trusted once it is.
    pub(super) fn receive(&mut self, part: &[u8], output: &mut Vec<u8>) -> Result<Option<How>, ChannelError> {
        match (&mut self.step, part) {
            (Step::Preamble, &[version, flags]) => self.preamble(version, flags, output),
            (Step::Message(_), message) => self.message(message, output),
            (Step::Confirmation(key), confirmation) => {
                let expected = Self::confirmed(self.role.other(), &self.binding);
                hmac::verify(key, &expected, confirmation).map_err(|_| ChannelError::WrongCode)?;
                if self.role == Role::Called {
                    output.extend(hmac::sign(key, &Self::confirmed(self.role, &self.binding)).as_ref());
                }
                // The code says more than a first use.
                Ok(self.how.filter(|how| *how != How::FirstUse && *how != How::Nobody).or(Some(How::Code)))
            }
            (Step::Preamble, _) => Err(ChannelError::Version),
        }
    }

    fn preamble(
        &mut self,
        version: u8,
        flags: u8,
        output: &mut Vec<u8>,
    ) -> Result<Option<How>, ChannelError> {
        if version != VERSION || flags & !(TRUSTS | HAS_CODE) != 0 {
            return Err(ChannelError::Version);
        }
        if let (Some(how), true) = (self.how, flags & TRUSTS != 0) {
            return Ok(Some(how));
        }
        let (trusts, has_code) = (flags & TRUSTS != 0, flags & HAS_CODE != 0);
        let Some(code) = self.code.take().filter(|_| has_code) else {
            return Err(self.without_code(trusts, has_code));
        };
        let password = Password::new(code.reveal());
        let (caller, called) = (Identity::new(Role::Caller.name()), Identity::new(Role::Called.name()));
        let (exchange, message) = match self.role {
            Role::Caller => Spake2::start_a(&password, &caller, &called),
            Role::Called => Spake2::start_b(&password, &caller, &called),
        };
        output.extend(message);
        self.step = Step::Message(exchange);
        Ok(None)
    }

    /// A code is needed, and one side has none. `trusts` and `has_code` are the other side's flags.
    fn without_code(&self, trusts: bool, has_code: bool) -> ChannelError {
        match (self.role, self.how) {
            (Role::Called, Some(How::FirstUse | How::Nobody)) => ChannelError::CodeUseless,
            (Role::Called, _) if has_code => ChannelError::CodeSpent,
            (Role::Called, _) => ChannelError::CodeMissing,
            (Role::Caller, Some(_)) => ChannelError::CodeAsked,
            (Role::Caller, None) if trusts => ChannelError::CodeNotTaken,
            (Role::Caller, None) if has_code => ChannelError::CodeAsked,
            (Role::Caller, None) => ChannelError::CodeNotNow,
        }
    }

    fn message(&mut self, message: &[u8], output: &mut Vec<u8>) -> Result<Option<How>, ChannelError> {
        let Step::Message(exchange) = std::mem::replace(&mut self.step, Step::Preamble) else {
            return Err(ChannelError::Version);
        };
        let key = exchange.finish(message).map(Zeroizing::new).map_err(|_| ChannelError::WrongCode)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        if self.role == Role::Caller {
            output.extend(hmac::sign(&key, &Self::confirmed(self.role, &self.binding)).as_ref());
        }
        self.step = Step::Confirmation(key);
        Ok(None)
    }

    /// What the end of the connection means now. The called side closes when the confirmation is wrong, and whoever is
    /// between may cut: either way, the caller's one try is over.
    pub(super) fn ended(&self) -> ChannelError {
        match (&self.step, self.role) {
            (Step::Confirmation(_), Role::Caller) => ChannelError::WrongCode,
            _ => ChannelError::EndedEarly,
        }
    }

    /// What the side with this role confirms.
    fn confirmed(role: Role, binding: &Binding) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([role.name(), binding.as_slice()].concat())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn code(text: &str) -> Option<Code> {
        Some(Code::parse(text).unwrap())
    }

    fn proof(role: Role, how: Option<How>, code: Option<Code>, binding: u8) -> (Proof, Vec<u8>) {
        let mut output = Vec::new();
        let proof = Proof::start(role, how, code, Zeroizing::new([binding; 32]), &mut output);
        (proof, output)
    }

    /// Passes on what is sent until both have ended: what the caller and the called think.
    fn run(
        (mut caller, mut to_called): (Proof, Vec<u8>),
        (mut called, mut to_caller): (Proof, Vec<u8>),
    ) -> [Option<Result<How, ChannelError>>; 2] {
        let mut ends = [None, None];
        loop {
            let mut moved = false;
            let mut step =
                |proof: &mut Proof, input: &mut Vec<u8>, output: &mut Vec<u8>, end: &mut Option<_>| {
                    while end.is_none() && input.len() >= proof.needs() {
                        let part: Vec<u8> = input.drain(..proof.needs()).collect();
                        *end = proof.receive(&part, output).transpose();
                        moved = true;
                    }
                };
            step(&mut caller, &mut to_caller, &mut to_called, &mut ends[0]);
            step(&mut called, &mut to_called, &mut to_caller, &mut ends[1]);
            if !moved {
                return ends;
            }
        }
    }

    #[test]
    fn the_same_code_on_the_same_connection_proves_both() {
        let ends = run(
            proof(Role::Caller, None, code("7-velvet-otter"), 1),
            proof(Role::Called, None, code("7 velvet otter"), 1),
        );
        assert_eq!(ends, [Some(Ok(How::Code)), Some(Ok(How::Code))]);
    }

    #[test]
    fn another_code_or_another_connection_is_found_out_by_the_called_side_which_does_not_confirm() {
        for (other, binding) in [("7-velvet-acorn", 1), ("7-velvet-otter", 2)] {
            let ends = run(
                proof(Role::Caller, None, code("7-velvet-otter"), 1),
                proof(Role::Called, None, code(other), binding),
            );
            assert_eq!(ends, [None, Some(Err(ChannelError::WrongCode))], "{other}");
        }
    }

    #[test]
    fn whether_a_code_is_needed_is_the_same_for_both() {
        use ChannelError::{CodeAsked, CodeMissing, CodeNotNow, CodeNotTaken, CodeSpent, CodeUseless};
        use How::{Code, FirstUse, Known, Nobody};
        let has = || code("7-velvet-otter");
        for (caller, called, ends) in [
            ((Some(Known), None), (Some(Known), None), [Ok(Known), Ok(Known)]),
            ((Some(FirstUse), None), (Some(Nobody), None), [Ok(FirstUse), Ok(Nobody)]),
            ((Some(Known), has()), (Some(Known), has()), [Ok(Known), Ok(Known)]),
            ((Some(Known), has()), (None, has()), [Ok(Known), Ok(Code)]),
            ((Some(FirstUse), has()), (None, has()), [Ok(Code), Ok(Code)]),
            ((Some(Known), None), (None, has()), [Err(CodeAsked), Err(CodeMissing)]),
            ((None, None), (None, has()), [Err(CodeAsked), Err(CodeMissing)]),
            // A server after a wrong code.
            ((None, has()), (Some(Known), None), [Err(CodeNotTaken), Err(CodeSpent)]),
            ((None, has()), (None, None), [Err(CodeNotNow), Err(CodeSpent)]),
            // A server that asks nobody.
            ((None, has()), (Some(Nobody), None), [Err(CodeNotTaken), Err(CodeUseless)]),
            ((None, has()), (Some(FirstUse), None), [Err(CodeNotTaken), Err(CodeUseless)]),
            // A server that has forgotten this side, and asks for its code, or has none at the moment.
            ((Some(Known), None), (None, None), [Err(CodeAsked), Err(CodeMissing)]),
            ((None, None), (None, None), [Err(CodeNotNow), Err(CodeMissing)]),
        ] {
            let described = format!("{caller:?} {called:?}");
            let found =
                run(proof(Role::Caller, caller.0, caller.1, 1), proof(Role::Called, called.0, called.1, 1));
            assert_eq!(found, ends.map(Some), "{described}");
        }
    }

    #[test]
    fn what_is_sent_back_proves_nothing() {
        let (mut caller, sent) = proof(Role::Caller, None, code("7-velvet-otter"), 1);
        let mut message = Vec::new();
        assert_eq!(caller.receive(&sent, &mut message), Ok(None));
        assert_eq!(caller.receive(&message, &mut Vec::new()), Err(ChannelError::WrongCode));
        // The confirmation, too: an impostor as the called side, who knows neither code nor key.
        let (mut caller, sent) = proof(Role::Caller, None, code("7-velvet-otter"), 1);
        let (mut impostor, _) = proof(Role::Called, None, code("7-velvet-acorn"), 1);
        let (mut to_called, mut to_caller) = (Vec::new(), Vec::new());
        caller.receive(&sent, &mut to_called).unwrap();
        impostor.receive(&sent, &mut to_caller).unwrap();
        let mut confirmation = Vec::new();
        caller.receive(&to_caller, &mut confirmation).unwrap();
        assert_eq!(caller.receive(&confirmation, &mut Vec::new()), Err(ChannelError::WrongCode));
    }

    #[test]
    fn another_version_and_unknown_flags_are_refused() {
        for preamble in [[0, 3], [2, 3], [1, 4], [1, 255]] {
            let (mut caller, _) = proof(Role::Caller, None, code("7-velvet-otter"), 1);
            assert_eq!(caller.receive(&preamble, &mut Vec::new()), Err(ChannelError::Version));
        }
    }

    #[test]
    fn a_message_that_is_no_point_is_a_wrong_code() {
        for filler in [0, 1, 255] {
            let (mut caller, _) = proof(Role::Caller, None, code("7-velvet-otter"), 1);
            caller.receive(&[VERSION, HAS_CODE], &mut Vec::new()).unwrap();
            let mut message = [filler; MESSAGE];
            message[0] = b'B';
            let mut sent = Vec::new();
            // Some fillers are points; then their sender cannot confirm.
            if caller.receive(&message, &mut sent).is_ok() {
                assert_eq!(caller.receive(&[filler; 32], &mut sent), Err(ChannelError::WrongCode));
            }
        }
    }
}
