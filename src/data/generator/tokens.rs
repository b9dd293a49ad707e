//! Rows of tokens from a Markov chain, each to be predicted from those before it.
//!
//! Every token has four successors, drawn with replacement, that follow it with probabilities 1/2, 1/4, 1/8 and 1/8: the best
//! prediction has at most 1.75 bits of entropy left. The first token of a row is uniform.
//!
//! Draws: structure, the successors token by token; features, row by row.

use super::{Arguments, Generator, Streams, rows, seed};
use crate::data::dataset::{Layout, Target, TargetKind};
use crate::data::random::below;
use crate::task::parameter::ParameterDef;

/// Which successor each of eight equally likely draws means.
const SUCCESSORS: [usize; 8] = [0, 0, 0, 0, 1, 1, 2, 3];

pub struct Tokens;

impl Generator for Tokens {
    fn name(&self) -> &'static str {
        "tokens"
    }
    fn doc(&self) -> &'static str {
        "rows of one token more than `length` from a Markov chain, each token to be predicted from those before it"
    }
    fn target(&self) -> TargetKind {
        TargetKind::Next
    }
    fn parameters(&self) -> Vec<ParameterDef> {
        vec![
            rows(1),
            ParameterDef::int_from("length", 1, 32, "tokens of a row that are followed by another")
                .up_to(1e5),
            ParameterDef::int_from("vocabulary", 2, 32, "number of distinct tokens").up_to(1e6),
            seed(),
        ]
    }
    fn layout(&self, arguments: &Arguments) -> Layout {
        Layout::tokens(arguments.count("length") + 1, arguments.count("vocabulary"))
    }
    #[expect(clippy::cast_precision_loss, reason = "a vocabulary is small")]
    fn draw(&self, arguments: &Arguments, streams: &Streams) -> (Vec<f64>, Target) {
        let (rows, length, vocabulary) =
            (arguments.count("rows"), arguments.count("length") + 1, arguments.count("vocabulary"));
        let mut structure = streams.structure();
        let successors: Vec<[usize; 4]> =
            (0..vocabulary).map(|_| [(); 4].map(|()| below(&mut structure, vocabulary))).collect();
        let mut draws = streams.features();
        let mut features = Vec::with_capacity(rows * length);
        for _ in 0..rows {
            let mut token = below(&mut draws, vocabulary);
            for _ in 0..length {
                features.push(token as f64);
                token = successors[token][SUCCESSORS[below(&mut draws, SUCCESSORS.len())]];
            }
        }
        (features, Target::Next { rows })
    }
}
