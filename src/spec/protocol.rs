//! The run protocol of a spec, checked: durations, sizes, repetition and batch sizes.

use std::time::Duration;

use super::blocks::blocks;
use super::problem::{Place, Problem};
use super::raw::{RawBatchSize, RawDevice, RawProtocol};
use super::{AskedRepeat, BatchSize, Protocol};
use crate::worker::protocol::{CPU, CUDA, Repeat};

/// Readings more often than this would cost more than they tell.
const SHORTEST_SAMPLING: Duration = Duration::from_millis(10);
/// The longest time that can be asked for: a year. No run is that long, and a clock has no place for times that are much longer.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Checks the protocol. Nothing where a value cannot be read; the problems say which.
pub fn protocol(raw: &RawProtocol, place: &Place, problems: &mut Vec<Problem>) -> Option<Protocol> {
    let blocks = blocks(&raw.blocks, &place.at("blocks"), problems);
    let mut duration = |text: &str, place: &Place| {
        humantime::parse_duration(text)
            .map_err(|e| {
                let message = format!("`{place}` is \"{text}\", which is no duration: {e}");
                problems.push(
                    Problem::value(place, message)
                        .hint("write for example \"200ms\", \"2min\", \"1h 30min\""),
                );
            })
            .ok()
    };
    let budget = raw.budget.as_deref().map(|text| duration(text, &place.at("budget")));
    let sampling = match raw.sampling.as_str() {
        "off" => Some(None),
        text => duration(text, &place.at("sampling")).map(Some),
    };
    let timeout = duration(&raw.timeout, &place.at("timeout"));
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let (fit_place, predict_place) = (place.at("fit"), place.at("predict"));
    let fit_times = [("max_time", &raw.fit.max_time), ("min_sample", &raw.fit.min_sample)]
        .map(|(name, text)| duration(text, &fit_place.at(name)).map(nanoseconds));
    let predict_times = [("max_time", &raw.predict.max_time), ("min_sample", &raw.predict.min_sample)]
        .map(|(name, text)| text.as_deref().and_then(|text| duration(text, &predict_place.at(name))));
    for (place, min, max) in [
        (fit_place, raw.fit.min_samples, Some(raw.fit.max_samples)),
        (predict_place, raw.predict.min_samples, raw.predict.max_samples),
    ] {
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let message = format!("`min_samples` is {min}, but must be at most `max_samples`, {max}");
            problems.push(Problem::value(&place.at("min_samples"), message));
        }
    }
    if let Some(Some(interval)) = sampling.filter(|interval| interval.is_some_and(|i| i < SHORTEST_SAMPLING))
    {
        let message = format!(
            "`protocol.sampling` is \"{}\", but must be \"off\" or at least \"{}\"",
            humantime::format_duration(interval),
            humantime::format_duration(SHORTEST_SAMPLING)
        );
        problems.push(Problem::value(&place.at("sampling"), message));
    }
    for (name, asked) in [("timeout", timeout), ("budget", budget.flatten())] {
        if asked.is_some_and(|asked| asked > LONGEST) {
            let message = format!("`protocol.{name}` is longer than a year");
            problems.push(Problem::value(&place.at(name), message));
        }
    }
    if timeout == Some(Duration::ZERO) {
        problems.push(Problem::value(&place.at("timeout"), "`protocol.timeout` is 0, but must be longer"));
    }
    let memory = raw.memory.parse::<bytesize::ByteSize>().map_err(|e| {
        let message = format!("`protocol.memory` is \"{}\", which is no size: {e}", raw.memory);
        problems.push(
            Problem::value(&place.at("memory"), message).hint("write for example \"4GiB\" or \"512MB\""),
        );
    });
    let mut batch_sizes: Vec<BatchSize> = Vec::new();
    for (i, size) in raw.predict.batch_sizes.iter().flatten().enumerate() {
        let size = match size {
            RawBatchSize::Rows(rows) => BatchSize::Rows(*rows as usize),
            RawBatchSize::All => BatchSize::All,
        };
        if batch_sizes.contains(&size) {
            let place = place.at("predict").at("batch_sizes").at(i);
            problems.push(Problem::value(&place, "this batch size is given twice"));
        }
        batch_sizes.push(size);
    }
    let fit = Repeat {
        warmup: raw.fit.warmup,
        min_samples: raw.fit.min_samples.unwrap_or(3.min(raw.fit.max_samples)),
        max_samples: raw.fit.max_samples,
        max_time_ns: fit_times[0]?,
        min_sample_ns: fit_times[1]?,
    };
    let predict = AskedRepeat {
        warmup: raw.predict.warmup,
        min_samples: raw.predict.min_samples,
        max_samples: raw.predict.max_samples,
        max_time_ns: predict_times[0].map(nanoseconds),
        min_sample_ns: predict_times[1].map(nanoseconds),
    };
    Some(Protocol {
        blocks: blocks?,
        budget: match budget {
            Some(budget) => Some(budget?),
            None => None,
        },
        threads: raw.threads as usize,
        device: match raw.device {
            RawDevice::Cpu => CPU.to_owned(),
            RawDevice::Cuda => CUDA.to_owned(),
        },
        seed: raw.seed.unsigned_abs(),
        timeout: timeout?,
        memory_bytes: memory.ok()?.as_u64(),
        sampling: sampling?,
        retries: raw.retries,
        give_up_after: raw.give_up_after,
        fit,
        predict,
        batch_sizes: raw.predict.batch_sizes.is_some().then_some(batch_sizes),
    })
}
