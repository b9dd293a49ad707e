//! Going on with texts: the timed generations with a cache, and what the model would choose without one.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use safetensors::SafeTensors;

use super::clock::{Clock, SystemClock};
use super::language::{Rows, matrix};
use super::measure::{Samples, timed};
use super::native::{Ended, failed};
use super::protocol::PhaseRequest;
use crate::backend::Tensor;
use crate::backend::language::Decoder;
use crate::files::sha256;
use crate::task::language::sampler::{Choice, likeliest};
use crate::task::language::{Generation, UNIFORMS};
use crate::task::network::evidence::shown;

/// The uniform numbers of a file of draws, and the hash of its bytes.
///
/// # Errors
/// The file cannot be read.
pub fn uniforms(path: &Path) -> Result<(Vec<f64>, Option<String>), String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| error.to_string())?;
    let values = file.tensor(UNIFORMS).map_or_else(
        |_| Vec::new(),
        |tensor| tensor.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
    );
    Ok((values, Some(sha256(&bytes))))
}

/// The tokens of each phase's first timed generation of the first rows.
#[derive(Debug, Default)]
pub struct Generations(Vec<(usize, Vec<Vec<i64>>)>);

impl Generations {
    /// How many tokens they are together.
    pub fn produced(&self) -> usize {
        self.0.iter().flat_map(|(_, rows)| rows).map(Vec::len).sum()
    }
}

/// What is gone on with.
pub struct Work<'a> {
    pub asked: Generation,
    pub rows: &'a Rows,
    /// One for each new token of each row [new, rows].
    pub uniforms: &'a [f64],
}

impl Work<'_> {
    /// Times a phase: each generation gives one sample to `prefill` and one for each further token to `decode`.
    pub fn time(
        &self,
        decoder: &mut dyn Decoder,
        phase: &PhaseRequest,
        count: usize,
        slowdown: f64,
        done: &mut Generations,
    ) -> Result<Vec<Samples>, Ended> {
        let repeat = &phase.repeat;
        let mut series = [Samples::default(), Samples::default()];
        let mut of_first_rows = None;
        for number in 0..repeat.warmup {
            self.generate(decoder, u64::from(number), count, slowdown, &mut Default::default())?;
        }
        let began = SystemClock.wall_ns();
        for taken in 0..repeat.max_samples {
            if taken >= repeat.min_samples && SystemClock.wall_ns() - began >= repeat.max_time_ns {
                break;
            }
            let number = u64::from(repeat.warmup + taken);
            let tokens = self.generate(decoder, number, count, slowdown, &mut series)?;
            if self.rows.batch(number, count).0 == 0 {
                of_first_rows.get_or_insert(tokens);
            }
        }
        let of_first_rows = match of_first_rows {
            Some(tokens) => tokens,
            None => self.generate(decoder, 0, count, slowdown, &mut Default::default())?,
        };
        done.0.push((count, of_first_rows));
        Ok(series.to_vec())
    }

    /// One generation: the tokens of each row.
    fn generate(
        &self,
        decoder: &mut dyn Decoder,
        number: u64,
        count: usize,
        slowdown: f64,
        series: &mut [Samples; 2],
    ) -> Result<Vec<Vec<i64>>, Ended> {
        let (first, tokens) = self.rows.batch(number, count);
        let prompts: Vec<i64> =
            tokens.chunks(self.rows.length).flat_map(|row| row[..self.asked.prompt].to_vec()).collect();
        let mut texts: Vec<Vec<i64>> = prompts.chunks(self.asked.prompt).map(<[i64]>::to_vec).collect();
        let error = failed("GenerateError");
        let (sample, mut chosen) = timed(&SystemClock, slowdown, || {
            decoder.prefill(black_box(&prompts), count)?;
            self.choose(decoder, first, 0, &texts)
        })
        .map_err(&error)?;
        series[0].add(1, sample);
        texts.iter_mut().zip(&chosen).for_each(|(text, token)| text.push(*token));
        for step in 1..self.asked.new {
            let (sample, next) = timed(&SystemClock, slowdown, || {
                decoder.decode(black_box(&chosen))?;
                self.choose(decoder, first, step, &texts)
            })
            .map_err(&error)?;
            series[1].add(1, sample);
            texts.iter_mut().zip(&next).for_each(|(text, token)| text.push(*token));
            chosen = next;
        }
        Ok(texts.into_iter().map(|text| text[self.asked.prompt..].to_vec()).collect())
    }

    /// The next token of each row, whose first is this one of all.
    fn choose(
        &self,
        decoder: &dyn Decoder,
        first: usize,
        step: usize,
        texts: &[Vec<i64>],
    ) -> Result<Vec<i64>, String> {
        let Some(sampling) = self.asked.sampling else { return decoder.likeliest() };
        let logits = decoder.logits()?;
        let rows = logits.chunks(logits.len() / texts.len()).zip(texts).zip(first..);
        rows.map(|((logits, text), row)| Ok(sampling.choose(logits, text, self.uniform(step, row)?).token))
            .collect()
    }

    fn uniform(&self, step: usize, row: usize) -> Result<f64, String> {
        let place = step * self.rows.count + row;
        self.uniforms.get(place).copied().ok_or_else(|| format!("the draws hold no uniform number {place}"))
    }

    /// The tokens, and what the model chooses from whole texts without a cache.
    pub fn outputs(
        &self,
        decoder: &dyn Decoder,
        done: &Generations,
    ) -> Result<Vec<(&'static str, Tensor)>, String> {
        let Generation { prompt, new, sampling } = self.asked;
        let rows: usize = done.0.iter().map(|(count, _)| count).sum();
        let last = done.0.last().map_or(0, |(count, _)| *count);
        let places: Vec<usize> = shown(last * new).collect();
        let (mut tokens, mut answers, mut margins) = (Vec::new(), Vec::new(), Vec::new());
        let (mut logits, mut uniforms) = (Vec::new(), Vec::new());
        for (phase, (_, texts)) in done.0.iter().enumerate() {
            for (row, chosen) in texts.iter().enumerate() {
                let given = &self.rows.tokens[row * self.rows.length..][..prompt];
                let text = [given, chosen].concat();
                let ends: Vec<i64> =
                    (prompt - 1..prompt - 1 + new).map(|p| i64::try_from(p).unwrap_or(i64::MAX)).collect();
                let of_row = decoder.next_tokens(&text, 1, &ends)?.logits;
                let width = of_row.len() / new;
                for (step, z) in of_row.chunks(width).enumerate() {
                    let Choice { token, margin } = match sampling {
                        None => likeliest(z),
                        Some(sampling) => {
                            sampling.choose(z, &text[..prompt + step], self.uniform(step, row)?)
                        }
                    };
                    answers.push(token);
                    margins.push(margin);
                    if phase + 1 == done.0.len() && places.contains(&(row * new + step)) {
                        logits.extend_from_slice(z);
                        if sampling.is_some() {
                            uniforms.push(self.uniform(step, row)?);
                        }
                    }
                }
                tokens.extend_from_slice(chosen);
            }
        }
        let batches: Vec<i64> = done.0.iter().map(|(b, _)| i64::try_from(*b).unwrap_or(i64::MAX)).collect();
        let mut outputs = vec![
            ("batches", Tensor::from(batches)),
            ("tokens", Tensor::whole(vec![rows, new], &tokens)),
            ("answers", Tensor::whole(vec![rows, new], &answers)),
            ("margins", Tensor::numbers(vec![rows, new], &margins)),
            ("logits", matrix(&logits, places.len())),
        ];
        if sampling.is_some() {
            outputs.push(("uniforms", Tensor::numbers(vec![uniforms.len()], &uniforms)));
        }
        Ok(outputs)
    }
}
