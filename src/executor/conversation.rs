//! What a worker may say when: the order of the protocol's events, and what a trial's success needs of them.
//!
//! ```text
//! ready ─► (phase_begin load ─► phase_end) ─► (phase_begin ─► progress* ─► phase_end ─► samples+)* ─► receipt ─► outputs ─► done
//! ```
//!
//! `unsupported` and `failed` may end it at any moment.

use std::collections::BTreeSet;

use crate::worker::protocol::{Event, PROTOCOL_VERSION, PhaseRequest, samples_fit};

/// One worker's talk so far.
#[derive(Debug)]
pub struct Conversation<'r> {
    phases: &'r [PhaseRequest],
    ready: bool,
    /// The phase under way, and when it began.
    running: Option<(String, u64)>,
    begun: BTreeSet<String>,
    sampled: BTreeSet<String>,
    receipt: bool,
    outputs: bool,
}

impl<'r> Conversation<'r> {
    /// Nothing was said yet; these phases were asked for.
    pub fn new(phases: &'r [PhaseRequest]) -> Self {
        Self {
            phases,
            ready: false,
            running: None,
            begun: BTreeSet::new(),
            sampled: BTreeSet::new(),
            receipt: false,
            outputs: false,
        }
    }

    /// Whether the worker has been ready.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// How it breaks the protocol.
    pub fn take(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Ready(_) if self.ready => return Err("`ready` came twice".to_owned()),
            Event::Ready(ready) if ready.protocol != PROTOCOL_VERSION => {
                return Err(format!("the worker speaks protocol {}, not {PROTOCOL_VERSION}", ready.protocol));
            }
            Event::Ready(_) => self.ready = true,
            Event::Unsupported { .. } | Event::Failed { .. } => {}
            _ if !self.ready => return Err("an event came before `ready`".to_owned()),
            Event::PhaseBegin { phase, monotonic_ns } => self.begin(phase, *monotonic_ns)?,
            Event::PhaseEnd { phase, monotonic_ns, .. } => match self.running.take() {
                Some((running, began_ns)) if running == *phase && began_ns <= *monotonic_ns => {}
                Some((running, _)) if running == *phase => {
                    return Err(format!("`{phase}` ended before it had begun"));
                }
                _ => return Err(format!("`{phase}` ended, but had not begun")),
            },
            Event::Progress { phase, .. } => {
                if self.running.as_ref().map(|(running, _)| running) != Some(phase) {
                    return Err(format!("`{phase}` got on, but was not under way"));
                }
            }
            Event::Samples { phase, calls, wall_ns, cpu_ns } => {
                if !samples_fit(calls, wall_ns, cpu_ns) {
                    return Err(format!("the samples of `{phase}` do not fit together"));
                }
                let of = self.phases.iter().find(|p| p.series().contains(phase));
                let over = of.is_some_and(|p| self.begun.contains(&p.name)) && self.running.is_none();
                if !over || !self.sampled.insert(phase.clone()) {
                    return Err(format!("the samples of `{phase}` came out of order"));
                }
            }
            Event::Receipt(_) => {
                let mut series = self.phases.iter().flat_map(PhaseRequest::series);
                if let Some(missing) = series.find(|series| !self.sampled.contains(series)) {
                    return Err(format!("the receipt came without the samples of `{missing}`"));
                }
                if std::mem::replace(&mut self.receipt, true) {
                    return Err("the receipt came twice".to_owned());
                }
            }
            Event::Outputs { .. } => {
                if !self.receipt || std::mem::replace(&mut self.outputs, true) {
                    return Err("`outputs` came out of order".to_owned());
                }
            }
            Event::Done {} if !self.outputs => return Err("`done` came without `outputs`".to_owned()),
            Event::Done {} => {}
        }
        Ok(())
    }

    fn begin(&mut self, phase: &str, began_ns: u64) -> Result<(), String> {
        if let Some((running, _)) = &self.running {
            return Err(format!("`{phase}` began within `{running}`"));
        }
        let asked = phase == "load" || self.phases.iter().any(|p| p.name == phase);
        if !asked || self.receipt {
            return Err(format!("the phase `{phase}` was not asked for"));
        }
        if !self.begun.insert(phase.to_owned()) {
            return Err(format!("`{phase}` began twice"));
        }
        self.running = Some((phase.to_owned(), began_ns));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of an honest worker that was asked for one phase, `fit`.
    fn honest() -> Vec<String> {
        let memory = r#""memory":{"rss_bytes":1,"peak_rss_bytes":1}"#;
        let ready =
            r#""implementation":"python/toy","build":"b","monotonic_ns":1,"versions":{},"cpu_set":[0]"#;
        let receipt = concat!(
            r#""hyperparameters":{},"settings":{},"bundle":"b","dtype":"float64","layout":"row-major","train_rows":1,"features":1,"#,
            r#""device":"cpu","threads":{"allowed":1,"pool":1,"alive":1},"blas":[],"work":{},"build":{}"#
        );
        vec![
            format!(r#"{{"event":"ready","protocol":1,{ready},{memory}}}"#),
            r#"{"event":"phase_begin","phase":"load","monotonic_ns":1}"#.to_owned(),
            format!(r#"{{"event":"phase_end","phase":"load","monotonic_ns":2,{memory}}}"#),
            r#"{"event":"phase_begin","phase":"fit","monotonic_ns":3}"#.to_owned(),
            r#"{"event":"progress","phase":"fit","done":1,"total":2}"#.to_owned(),
            format!(r#"{{"event":"phase_end","phase":"fit","monotonic_ns":4,{memory}}}"#),
            r#"{"event":"samples","phase":"fit","calls":[1],"wall_ns":[1],"cpu_ns":[1]}"#.to_owned(),
            format!(r#"{{"event":"receipt",{receipt}}}"#),
            r#"{"event":"outputs","path":"o","sha256":"0"}"#.to_owned(),
            r#"{"event":"done"}"#.to_owned(),
        ]
    }

    fn hear(lines: &[String]) -> Result<(), String> {
        let phase = r#"{"name":"fit","kind":"fit","repeat":{"warmup":0,"min_samples":1,"max_samples":1,"max_time_ns":1,"min_sample_ns":0}}"#;
        let phases: [PhaseRequest; 1] = [serde_json::from_str(phase).unwrap()];
        let mut conversation = Conversation::new(&phases);
        lines.iter().try_for_each(|line| conversation.take(&serde_json::from_str(line).unwrap()))
    }

    #[test]
    fn an_honest_worker_is_heard_out() {
        hear(&honest()).unwrap();
    }

    #[test]
    fn no_event_may_be_missing_doubled_or_out_of_place() {
        let honest = honest();
        for i in 0..honest.len() {
            let progress = honest[i].contains("progress");
            let mut without = honest.clone();
            without.remove(i);
            // A worker may load without saying so, in one piece, and need not tell how it gets on; that the end is missing is told elsewhere.
            let optional = progress || i == honest.len() - 1;
            assert_eq!(hear(&without).is_ok(), optional, "without {}", honest[i]);
            let mut twice = honest.clone();
            twice.insert(i, honest[i].clone());
            assert_eq!(hear(&twice).is_ok(), progress || i == honest.len() - 1, "twice {}", honest[i]);
            for j in i + 1..honest.len() {
                let mut swapped = honest.clone();
                swapped.swap(i, j);
                assert!(hear(&swapped).is_err(), "swapped {} and {}", honest[i], honest[j]);
            }
        }
    }
}
