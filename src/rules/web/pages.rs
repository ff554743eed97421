//! The pages, each one file with everything in it: nothing else is fetched, from nowhere.

use super::request::Path;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};
use std::sync::LazyLock;

/// A page, and the hashes of what it may do.
pub(super) struct Page {
    pub(super) html: String,
    style: String,
    script: String,
}

static CHAT: LazyLock<Page> = LazyLock::new(|| {
    Page::new(include_str!("pages/chat.html"), include_str!("pages/chat.css"), include_str!("pages/chat.js"))
});
static LIVE: LazyLock<Page> = LazyLock::new(|| {
    // It looks as the drawing of the timeline does.
    let style = concat!(
        include_str!("pages/drawing.css"),
        include_str!("pages/themes.css"),
        include_str!("pages/live.css")
    );
    let html = include_str!("pages/live.html")
        .replacen("<defs></defs>", concat!("<defs>", include_str!("pages/drawing.svg"), "</defs>"), 1)
        .replacen("</ul>", concat!(include_str!("pages/legend.txt"), "</ul>"), 1);
    Page::new(&html, style, include_str!("pages/live.js"))
});

pub(super) fn page(path: Path) -> &'static Page {
    match path {
        Path::Chat => &CHAT,
        Path::Live => &LIVE,
    }
}

impl Page {
    fn new(html: &str, style: &str, script: &str) -> Self {
        let html = html.replacen("<style></style>", &format!("<style>{style}</style>"), 1).replacen(
            "<script></script>",
            &format!("<script>{script}</script>"),
            1,
        );
        let hash =
            |part: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, part.as_bytes())));
        Self { html, style: hash(style), script: hash(script) }
    }

    /// Its Content-Security-Policy: this style, this script, and the WebSocket of this host. Some browsers do not count a
    /// WebSocket as `'self'`. The host has been checked: it cannot have a blank or a semicolon in it.
    pub(super) fn policy(&self, host: &str) -> String {
        let Self { style, script, .. } = self;
        format!(
            "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self' ws://{host} wss://{host}; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_style_and_its_script_in_it_and_nothing_else_that_acts() {
        for path in [Path::Chat, Path::Live] {
            // Or the browser would ask for an icon.
            let html = &page(path).html.replace("<link rel=\"icon\" href=\"data:,\">", "");
            assert!(!html.contains("<style></style>") && !html.contains("<script></script>"));
            assert_eq!((html.matches("<style").count(), html.matches("<script").count()), (1, 1));
            for acting in [
                " style=",
                " onclick=",
                " onload=",
                "javascript:",
                "innerHTML",
                "<iframe",
                "<link",
                "@import",
            ] {
                assert!(!html.contains(acting), "{acting}");
            }
        }
    }

    #[test]
    fn the_chat_page_is_small() {
        assert!(page(Path::Chat).html.len() < 30 * 1024, "{}", page(Path::Chat).html.len());
    }
}
