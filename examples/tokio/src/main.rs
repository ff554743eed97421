//! The asynchronous answer to the same question: a task for each input, where threadchat has a thread. Each task passes lines on
//! until its input ends or a line is `88`, and the runtime runs both in one thread.
//!
//! It has no stamps, no limits of time and no reports: it is here to be read, and to be measured beside the other designs
//! (README.md).

use std::env;
use std::io;
use std::process::ExitCode;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, stdin, stdout,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

/// How many bytes are read or written at once, and the most that are kept: a longer line is passed on in parts.
const CHUNK: usize = 65_536;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tokio-chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let ended = runtime.block_on(chat());
    // Otherwise it would wait for the keyboard, which blocks a thread of its own: no system can take that back.
    runtime.shutdown_background();
    ended
}

/// Until the peer says goodbye; if we do, until it answers.
async fn chat() -> io::Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    let socket = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => TcpListener::bind(address).await?.accept().await?.0,
        ["connect", address] => TcpStream::connect(address).await?,
        _ => return Err(io::Error::other("usage: tokio-chat serve|connect HOST:PORT")),
    };
    socket.set_nodelay(true)?;
    let (from_peer, mut to_peer) = socket.into_split();
    tokio::spawn(async move {
        // If this fails, the peer has gone, and the other task ends.
        let _ = pass_lines(stdin(), &mut to_peer).await;
        let _ = to_peer.write_all(b"88").await;
        let _ = to_peer.shutdown().await;
    });
    pass_lines(from_peer, stdout()).await
}

/// Passes lines on until one is `88`, or the input ends.
async fn pass_lines(from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let (mut from, mut to) = (BufReader::with_capacity(CHUNK, from), BufWriter::with_capacity(CHUNK, to));
    let mut line = Vec::new();
    while (&mut from).take(CHUNK as u64).read_until(b'\n', &mut line).await? > 0 {
        // threadchat ends its goodbye with no newline, and says it again if nobody answers.
        if matches!(&line[..], b"88\n" | b"88\r\n" | b"88" | b"8888") {
            break;
        }
        to.write_all(&line).await?;
        line.clear();
        // While more lines are there, they are written together.
        if !from.buffer().contains(&b'\n') {
            to.flush().await?;
        }
    }
    to.flush().await
}
