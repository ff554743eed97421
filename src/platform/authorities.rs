//! The authorities that the system trusts.

use crate::rules::secure::Authority;

/// Trusts in whom the system trusts to say who this host is. An error is a sentence for the user.
#[cfg(not(target_os = "android"))]
pub(crate) fn system_authority(host: &str) -> Result<Authority, String> {
    use rustls_platform_verifier::Verifier;
    use std::sync::Arc;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(provider).map_err(|error| error.to_string())?;
    Authority::new(Arc::new(verifier), host)
}

/// Android answers only to programs with a Java part.
#[cfg(target_os = "android")]
pub(crate) fn system_authority(_: &str) -> Result<Authority, String> {
    Err("this program cannot ask Android for them: name a file".to_owned())
}
