//! What the line editor costs, beside two IRC clients if they are installed. The figures in `docs/performance.md` are from
//! here: `cargo test --release --test editor_threads --test editor_select -- --ignored measure --nocapture`

use super::flood::Flood;
use super::*;
use crate::DESIGN;
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::Instant;

/// How many keys are pressed at each rate.
const KEYS: usize = 100;

#[test]
#[ignore = "it measures"]
fn measure() {
    eprintln!(
        "\n| program | messages/s | shown/s | key to screen, ms: median | 95 % | longest | bytes for each message |"
    );
    eprintln!("|---|---|---|---|---|---|---|");
    if DESIGN == "threads" {
        for (program, home, connect) in [
            ("irssi", "--home", "--connect=127.0.0.1 --port=PORT --nick=ann"),
            ("weechat", "--dir", "irc://ann@127.0.0.1:PORT"),
        ] {
            if Command::new(program).arg("--version").output().is_ok() {
                let folder = tempfile::tempdir().unwrap();
                measure_program(
                    program,
                    |n| format!(":bob!b@host PRIVMSG #room :message {n}\n"),
                    || irc_client(program, &[home, folder.path().to_str().unwrap()], connect),
                );
            }
        }
    }
    measure_program(
        DESIGN,
        |n| format!("message {n}\n"),
        || {
            let (terminal, peer, _) = connect_at_terminal(24, 80);
            (terminal, peer)
        },
    );
}

fn measure_program(
    name: &str,
    message: impl Fn(usize) -> String + Copy + Send + 'static,
    start: impl Fn() -> (Terminal, TcpStream),
) {
    for rate in [0, 20, 1000, 20_000] {
        let (terminal, peer) = start();
        let waits = || idle::waits(terminal.child.id());
        let received = || terminal.look(|screen| screen.received);
        if rate == 0 {
            std::thread::sleep(Duration::from_secs(1));
            let (before, began) = (waits(), Instant::now());
            std::thread::sleep(Duration::from_secs(10));
            let woken = (waits() - before) as f64 / began.elapsed().as_secs_f64();
            eprintln!("{name}: {woken:.1} wake-ups a second when idle");
        }
        let flood = Flood::start(&peer, 0, rate, message);
        // First without keys.
        let (before, said, began) = (received(), flood.said(), Instant::now());
        std::thread::sleep(Duration::from_secs(2));
        let (bytes, said) = (received() - before, flood.said() - said);
        let shown = said as f64 / began.elapsed().as_secs_f64();
        let bytes = if said > 0 { format!("{:.0}", bytes as f64 / said as f64) } else { String::new() };
        let mut times: Vec<_> = (0..KEYS).map(|n| press_key(&terminal, n)).collect();
        times.sort();
        let [median, most, longest] =
            [KEYS / 2, KEYS * 95 / 100, KEYS - 1].map(|at| times[at].as_secs_f64() * 1000.0);
        eprintln!("| {name} | {rate} | {shown:.0} | {median:.1} | {most:.1} | {longest:.1} | {bytes} |");
        flood.stop(0);
    }
}

/// How long it takes until a key shows.
fn press_key(terminal: &Terminal, n: usize) -> Duration {
    let key = char::from(b'a' + u8::try_from(n % 26).unwrap());
    let ends = |screen: &Emulator, end: char| screen.cursor_row().0.ends_with(end);
    let began = Instant::now();
    terminal.types(key.to_string());
    terminal.wait_for("the key", |screen| ends(screen, key).then_some(()));
    let took = began.elapsed();
    // So that the line stays short: at the end of a row, clients scroll in different ways.
    if n % 20 == 19 {
        terminal.types("\x15");
    }
    std::thread::sleep(Duration::from_millis(20));
    took
}

/// Starts an IRC client with these arguments, and lets it join a room on a server of this test.
fn irc_client(program: &str, home: &[&str], connect: &str) -> (Terminal, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = connect.replace("PORT", &listener.local_addr().unwrap().port().to_string());
    let args = [home, &connect.split(' ').collect::<Vec<_>>()].concat();
    let terminal = at(24, 80).that_may_be_asked().start_program(program, &args);
    let (socket, _) = listener.accept().unwrap();
    let server = socket.try_clone().unwrap();
    std::thread::spawn(move || serve_irc(&server));
    terminal.wait_until("its welcome", |seen| seen.contains("Welcome"));
    terminal.types("/join #room\r");
    terminal.wait_until("the room", |seen| seen.contains("#room") && seen.contains("ann"));
    (terminal, socket)
}

fn serve_irc(mut client: &TcpStream) {
    for line in BufReader::new(client).lines().map_while(Result::ok) {
        let words: Vec<_> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["CAP", "LS", ..] => ":server CAP * LS :\r\n".to_owned(),
            ["USER", ..] => ":server 001 ann :Welcome\r\n:server 376 ann :End\r\n".to_owned(),
            ["JOIN", room] => format!(
                ":ann!a@host JOIN {room}\r\n:server 353 ann = {room} :ann bob\r\n:server 366 ann {room} :End\r\n"
            ),
            ["PING", what, ..] => format!(":server PONG server {what}\r\n"),
            _ => continue,
        };
        let _ = client.write_all(answer.as_bytes());
    }
}
