//! What the page looks like on a phone, a tablet, a laptop and a projector, in light and dark, and for a keyboard.

use super::*;
use std::io::Write;
use std::path::Path;

/// With this variable, pictures of the page are left in that folder, for somebody to look at.
pub const PICTURES: &str = "THREADCHAT_PICTURES";

const SIZES: [[u32; 2]; 5] = [[360, 640], [360, 740], [768, 1024], [1280, 800], [1920, 1080]];

/// Nothing is wider than the screen, and the box and its button are on it.
#[track_caller]
pub fn keeps_its_shape(person: &Person) {
    let shape = "(() => {
        const on = selector => {
            const box = document.querySelector(selector).getBoundingClientRect();
            return box.width > 0 && box.height > 0 && box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
        };
        const wide = ['html', 'body', '#chat', '#scroller', '#log'].filter(selector => {
            const element = document.querySelector(selector);
            return element.scrollWidth > element.clientWidth;
        });
        return { wide, off: ['#box', '#say .main', '#size', '#rename'].filter(selector => !on(selector)) };
    })()";
    // The page has the shape of a new screen with the next frame.
    let shape = format!(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done({shape}))))"
    );
    assert_eq!(person.evaluate(&shape), json!({ "wide": [], "off": [] }));
}

#[test]
#[ignore = "needs chromium"]
fn the_page_fits_on_every_screen_in_both_themes() {
    let hub = Hub::start(&[]);
    let mut netcat = call(hub.port);
    netcat.write_all(CHAT.as_bytes()).unwrap();
    let ann = Person::joins(&hub, "ann");
    ann.sees("<Türkan> Danke, ann!");
    ann.says(
        "It is a queue: one thread puts things in, another takes them out. Nobody has to share anything.",
    );
    ann.says("And if it is bounded, the sender waits.");
    netcat.write_all("/msg ann Well explained! Could you show it to Zoë?\n".as_bytes()).unwrap();
    ann.sees("[Türkan -> you] Well explained! Could you show it to Zoë?");
    ann.says("/me nods");
    ann.sees("* <ann> nods");
    for is_large in [false, true] {
        for size in SIZES {
            for is_dark in [false, true] {
                ann.has_size(size, is_dark);
                keeps_its_shape(&ann);
                picture(&ann, &format!("chat-{}x{}-{is_dark}-{is_large}", size[0], size[1]));
            }
        }
        ann.clicks("#size");
    }
    // A field with smaller letters is enlarged by some phones, and then the page is too wide.
    ann.has_size([360, 640], false);
    assert!(ann.evaluate("parseFloat(getComputedStyle(box).fontSize)").as_f64().unwrap() >= 16.0);
    // People and rooms are behind a button there.
    let is_shown = "document.querySelector('#side').getClientRects().length";
    assert_eq!(ann.evaluate(is_shown), 0);
    ann.clicks("#menu");
    ann.waits_for("people and rooms", is_shown);
    picture(&ann, "menu-360x640");
    keeps_its_shape(&ann);
    ann.presses("Escape");
    ann.waits_for("the focus is back", &format!("!{is_shown} && document.activeElement.id === 'menu'"));
    ann.clicks("#box");
    ann.types("/");
    ann.waits_for("commands", "!choices.hidden");
    picture(&ann, "commands-360x640");
    keeps_its_shape(&ann);
    ann.reloads();
    ann.is_called("ann");
    // And so does what asks who wants to come in.
    let door = Page::open(&format!("http://127.0.0.1:{}/", hub.web));
    door.waits_for("the page asks for the code", "document.activeElement?.id === 'ticket'");
    assert!(door.text("#door").contains("not encrypted"));
    for (size, is_dark) in [([360, 640], false), ([1920, 1080], true)] {
        door.has_size(size, is_dark);
        picture(&door, &format!("door-{}x{}", size[0], size[1]));
        assert_eq!(door.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
    }
    door.has_no_errors();
    ann.has_no_errors();
}

fn picture(page: &Page, name: &str) {
    if let Some(folder) = std::env::var_os(PICTURES) {
        page.is_photographed(&Path::new(&folder).join(format!("{name}.png")));
    }
}

#[test]
#[ignore = "needs chromium"]
fn everything_can_be_reached_with_the_keyboard_and_has_a_name() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    ann.waits_for("who is here", "document.querySelector('#people li')");
    let focus =
        "document.activeElement.id || document.activeElement.value || document.activeElement.textContent";
    let mut reached = Vec::new();
    // From the box, all around.
    loop {
        ann.presses("Tab");
        let now = ann.evaluate(focus).as_str().unwrap().to_owned();
        if now == "box" || reached.len() > 20 {
            break;
        }
        let outline = ann.evaluate("getComputedStyle(document.activeElement).outlineStyle");
        assert!(now.contains('<') || now.is_empty() || outline == "solid", "no visible focus on {now}");
        reached.push(now);
    }
    let wanted = ["Send", "rename", "size", "lobby", "new-room", "leave", "scroller"];
    for name in wanted {
        assert!(reached.contains(&name.to_owned()), "{name}: {reached:?}");
    }
    let nameless = "[...document.querySelectorAll('button, input, textarea, [tabindex]')].filter(element =>
        element.getClientRects().length && !(element.ariaLabel || element.textContent.trim() || element.labels?.length)).length";
    assert_eq!(ann.evaluate(nameless), 0);
    assert_eq!(ann.evaluate("log.getAttribute('role')"), "log");
    assert_eq!(ann.evaluate("document.querySelector('#status').getAttribute('role')"), "status");
}

#[test]
#[ignore = "needs chromium"]
fn texts_stand_out_from_their_ground_in_both_themes() {
    let hub = Hub::start(&[]);
    let ann = Person::joins(&hub, "ann");
    // Every pair of the style sheet, as WCAG 2 counts contrast: 4.5 is AA.
    let contrast = "(() => {
        const style = getComputedStyle(document.documentElement);
        const light = name => {
            const parts = style.getPropertyValue(name).trim().match(/\\w\\w/g).map(part => parseInt(part, 16) / 255);
            const [r, g, b] = parts.map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
        };
        const contrast = (one, other) => {
            const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
            return (bright + .05) / (dark + .05);
        };
        const grounds = ['--paper', '--field', '--mine', '--private'];
        const pairs = grounds.flatMap(ground => ['--ink', '--pale', '--accent', '--warn'].map(text => [text, ground]));
        return [...pairs, ['--on-accent', '--accent']].filter(pair => contrast(...pair) < 4.5);
    })()";
    for is_dark in [false, true] {
        ann.has_size([1280, 800], is_dark);
        assert_eq!(ann.evaluate(contrast), json!([]), "dark: {is_dark}");
    }
}

/// What a class may say.
const CHAT: &str = "\
/name Türkan
Good morning! Please open page 12 of the workbook; we begin with exercise 3.
The solution of yesterday is in the folder.
Did you understand what a channel is? I thought it was the same as a mutex, but the thread that sends does not wait there, or only when it is full.
https://example.org/a/very/long/address/without/any/place/to/break/it/0123456789012345678901234567890123456789012345678901234567890123456789
<b>bold</b> & مرحبا بالجميع 👋🏽
Danke, ann!
";
