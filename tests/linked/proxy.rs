//! Between a hub and Redis: passes on what both say, and cuts connections in the middle of answers.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use tempfile::TempDir;

/// It ends with the test process.
pub struct Proxy {
    folder: TempDir,
    cuts: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts one that cuts nothing yet.
    pub fn to(redis: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let (cuts, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (is_cutting, cut) = (Arc::clone(&cuts), Arc::clone(&count));
        thread::spawn(move || {
            // The first answers, which every connection gets, are some 2,600 bytes.
            for (number, hub) in listener.incoming().map_while(Result::ok).enumerate() {
                let Ok(redis) = UnixStream::connect(&redis) else { continue };
                let (mut from_hub, mut to_redis) = (hub.try_clone().unwrap(), redis.try_clone().unwrap());
                thread::spawn(move || {
                    // Fails when one of them goes.
                    let _ = std::io::copy(&mut from_hub, &mut to_redis);
                    let _ = to_redis.shutdown(Shutdown::Both);
                });
                let (is_cutting, cut) = (Arc::clone(&is_cutting), Arc::clone(&cut));
                thread::spawn(move || {
                    answer(redis, hub, 3000 + number * 7919 % 6007, &is_cutting, &cut);
                });
            }
        });
        Self { folder, cuts, count }
    }

    /// From now on, cuts each connection after some number of bytes, or none.
    pub fn cuts(&self, cuts: bool) {
        self.cuts.store(cuts, Ordering::Relaxed);
    }

    /// How many connections it has cut.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The URL of the group of hubs of the tests.
    pub fn url(&self) -> String {
        format!("unix:{}?name=test", self.folder.path().join("s").display())
    }
}

/// Passes on what Redis answers. After `limit` bytes, which are seldom a whole answer, both lose the connection.
fn answer(mut redis: UnixStream, mut hub: UnixStream, limit: usize, cuts: &AtomicBool, count: &AtomicUsize) {
    let (mut total, mut bytes) = (0, [0; 1024]);
    while let Ok(read @ 1..) = redis.read(&mut bytes) {
        let was_cut_off = cuts.load(Ordering::Relaxed) && total + read > limit;
        let passed = if was_cut_off { limit.saturating_sub(total) } else { read };
        if hub.write_all(&bytes[..passed]).is_err() {
            break;
        }
        total += read;
        if was_cut_off {
            count.fetch_add(1, Ordering::Relaxed);
            break;
        }
    }
    for socket in [redis, hub] {
        // It may be gone.
        let _ = socket.shutdown(Shutdown::Both);
    }
}
