//! For builds without encryption: there are no options for it, and nothing is encrypted.

use super::common::{Common, Secured};
use super::session::Session;
use crate::rules::address::Address;
use crate::rules::calling::EncryptedOnly;
use crate::rules::failure::Failure;
use clap::Args;

#[cfg(feature = "hub")]
pub(super) const WORDS_FOR_A_HUB: usize = 0;
pub(super) const WORDS_FOR_TWO: usize = 0;

/// No options.
#[derive(Debug, Args)]
pub(super) struct Secure {}

/// No options.
#[derive(Debug, Args)]
pub(super) struct SecureCall {}

#[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "other builds need it")]
impl Secure {
    #[cfg(feature = "web")]
    pub(super) fn is_on(&self) -> bool {
        false
    }

    #[cfg(feature = "web")]
    pub(super) fn has_certificate(&self) -> bool {
        false
    }

    pub(super) fn check_called(
        &self,
        _: usize,
        _: impl FnOnce() -> Result<(), &'static str>,
    ) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn called(&self, _: usize) -> Result<Option<Secured>, Failure> {
        Ok(None)
    }
}

#[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "other builds need it")]
impl SecureCall {
    pub(super) fn check(&self, _: impl Fn() -> Result<(), &'static str>) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn security(
        &self,
        _: &Address,
        _: &Session,
        _: &Common,
    ) -> Result<(Option<Secured>, EncryptedOnly), Failure> {
        Ok((None, Vec::new()))
    }
}
