//! A request to stop, which wakes whoever waits for a worker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::handle::{Heard, Message};
use super::process;

/// A request to stop, shared by those who ask and those who run.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    waiting: Arc<Mutex<Option<Waiting>>>,
}

#[derive(Debug)]
struct Waiting {
    /// The worker that is waited for; none in a pause.
    pid: Option<u32>,
    sender: SyncSender<Heard>,
}

impl Interrupt {
    /// Asks to stop. Tells whether that was asked before.
    pub fn request(&self) -> bool {
        let before = self.requested.swap(true, Ordering::SeqCst);
        if let Some(waiting) = &*self.lock() {
            // Where the channel is full, nobody sleeps on it.
            let _ = waiting.sender.try_send(Heard::Message(Message::Interrupted));
        }
        before
    }

    /// Whether somebody asked to stop.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Kills the worker that is waited for, with its group and descendants, for a runner that ends at once.
    pub fn kill_worker(&self) {
        if let Some(pid) = self.lock().as_ref().and_then(|waiting| waiting.pid) {
            let descendants = process::descendants(pid);
            process::kill_group(pid);
            descendants.into_iter().for_each(process::kill);
        }
    }

    /// Sleeps, unless somebody asks to stop.
    pub fn pause(&self, duration: Duration) {
        let (sender, woken) = mpsc::sync_channel(1);
        self.set(Waiting { pid: None, sender });
        if !self.is_requested() {
            let _ = woken.recv_timeout(duration);
        }
        self.unwatch();
    }

    /// Has requests wake the receiver of `sender`, who waits for a worker.
    pub(super) fn watch(&self, pid: u32, sender: SyncSender<Heard>) {
        self.set(Waiting { pid: Some(pid), sender });
    }

    /// Nobody waits any more.
    pub(super) fn unwatch(&self) {
        *self.lock() = None;
    }

    fn set(&self, waiting: Waiting) {
        *self.lock() = Some(waiting);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
