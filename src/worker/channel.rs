//! The native worker's side of the pipe: the request in, events out, on a descriptor that no library can write to.

use std::fs::File;
use std::io::{self, BufRead, Write};

use super::protocol::{Event, Request};

/// The worker's end of the protocol.
#[derive(Debug)]
pub struct Channel {
    events: File,
}

impl Channel {
    /// Moves standard output away and points descriptor 1 at 2, so that what libraries print lands in the log.
    ///
    /// # Errors
    /// The descriptors cannot be duplicated.
    pub fn take_over() -> io::Result<Self> {
        let events = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?);
        rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
        Ok(Self { events })
    }

    /// Reads the request: one line of JSON on standard input.
    ///
    /// # Errors
    /// The line is missing or is no request.
    pub fn request() -> io::Result<Request> {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Sends one event.
    ///
    /// # Errors
    /// The runner no longer listens.
    pub fn send(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.events.write_all(&line)
    }
}
