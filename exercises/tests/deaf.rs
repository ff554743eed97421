use exercises::deaf::Room;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Both ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, client)
}

#[test]
fn deaf_clients_stop_nobody_and_leave() {
    let (to_deaf, deaf) = connection();
    let (to_reader, reader) = connection();
    let (sender, heard) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(reader).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    thread::spawn(move || {
        let mut room = Room::default();
        room.join(to_deaf);
        room.join(to_reader);
        for number in 0..3000 {
            // More than a connection holds.
            room.post(&format!("{number} {}", "x".repeat(10_000)));
            // The reader is not far behind.
            thread::sleep(Duration::from_micros(200));
        }
    });
    for number in 0..3000 {
        let line = heard.recv_timeout(Duration::from_secs(2));
        assert!(
            line.is_ok_and(|line| line.starts_with(&format!("{number} "))),
            "the reader waits for line {number}"
        );
    }
    // What was on its way to the deaf client still arrives, and then the end.
    deaf.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let lines = BufReader::new(deaf).lines().map_while(Result::ok).count();
    assert!(lines < 3000, "its outbox has no bound");
}
