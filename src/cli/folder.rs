//! Where the user's files are.

use crate::rules::failure::{Context, Failure};
use etcetera::BaseStrategy;
use std::path::PathBuf;

/// The folder where the platform keeps what programs are configured with: the own key, the known peers and the tickets for browsers
/// are there.
///
/// # Errors
/// The user has no such folder.
pub(super) fn folder() -> Result<PathBuf, Failure> {
    let strategy = etcetera::choose_base_strategy().context("cannot find the folder for settings")?;
    Ok(strategy.config_dir().join("threadchat"))
}
