//! Architectures against PyTorch's own, and what the contract accepts and refuses.

use ndarray::{Array2, array};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::architecture::{Architecture, Form, IMAGE, NEXT_TOKEN, Network, SEQUENCE};
use super::contract::compare;
use super::evidence::{Evidence, FirstStep};
use super::layer::{Layer, Linear, Named, Start};
use super::next_token::NextTokens;
use super::precision::Precision;
use super::{draws, training};
use crate::data::bundle::TensorDtype;
use crate::task::outputs::Outputs;
use crate::task::parameter::{Parameters, Value};
use crate::task::{Check, Side};

/// One network of `tests/reference/networks.py`.
#[derive(Debug, Deserialize)]
pub struct Reference {
    pub architecture: String,
    pub example_shape: Vec<usize>,
    pub vocabulary: Option<usize>,
    pub outputs: usize,
    pub every_step: bool,
    pub hyperparameters: Parameters,
    pub trainable: usize,
    pub logits: Vec<Vec<f64>>,
    pub training_logits: Vec<Vec<f64>>,
    pub tensors: Vec<Vec<serde_json::Value>>,
}

impl Reference {
    pub fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../../../tests/reference/networks.json")).unwrap()
    }

    /// Every hyperparameter of the architecture, those of the reference among them.
    pub fn hyperparameters(&self) -> Parameters {
        let mut defaults = [self.definition().parameters(), training::parameters()].concat();
        if self.form().image().is_ok() {
            defaults.extend(training::augmentation());
        }
        let defaults = defaults.into_iter().map(|p| (p.name, p.default));
        defaults.chain(self.hyperparameters.clone()).collect()
    }

    pub fn form(&self) -> Form {
        Form {
            example: self.example_shape.clone(),
            vocabulary: self.vocabulary,
            outputs: self.outputs,
            every_step: self.every_step,
        }
    }

    pub fn network(&self) -> Network {
        self.definition().layers(&self.form(), &self.hyperparameters()).unwrap()
    }

    fn definition(&self) -> &'static dyn Architecture {
        *IMAGE.iter().chain(SEQUENCE).find(|a| a.name() == self.architecture).unwrap()
    }
}

#[test]
fn tensors_are_those_of_pytorch() {
    let references = Reference::all();
    for architecture in IMAGE.iter().chain(SEQUENCE) {
        assert!(references.iter().any(|r| r.architecture == architecture.name()), "{}", architecture.name());
    }
    for reference in &references {
        let tensors = reference.network().tensors();
        let told = (&reference.architecture, &reference.example_shape);
        let names: Vec<&str> = tensors.iter().map(|t| t.name.as_str()).collect();
        let expected: Vec<&str> = reference.tensors.iter().map(|t| t[0].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{told:?}");
        for (tensor, expected) in tensors.iter().zip(&reference.tensors) {
            let told = (told, &tensor.name);
            assert_eq!(serde_json::json!(tensor.shape), expected[1], "{told:?}");
            let (rule, value) = (expected[2][0].as_str().unwrap(), expected[2][1].as_f64().unwrap_or(0.0));
            let near = |v: f64| (v - value).abs() <= 1e-12 * value.abs();
            let same = match (tensor.start, rule) {
                (Start::Constant(v), "constant")
                | (Start::Uniform(v), "uniform")
                | (Start::Normal(v), "normal") => near(v),
                (Start::Sinusoids, "sinusoidal") => true,
                _ => false,
            };
            assert!(same, "{told:?}: {:?} is not {rule} {value}", tensor.start);
        }
        let trainable: usize =
            tensors.iter().filter(|t| t.trainable).map(|t| t.shape.iter().product::<usize>()).sum();
        assert_eq!(trainable, reference.trainable, "{told:?}");
    }
}

#[test]
fn what_no_network_can_be_made_of_is_refused() {
    let refused = |name: &str, example: &[usize], vocabulary, change: &[(&str, i64)]| {
        let architecture = IMAGE.iter().chain(SEQUENCE).find(|a| a.name() == name).unwrap();
        let defaults = architecture.parameters().into_iter().map(|p| (p.name, p.default));
        let changed = change.iter().map(|(name, value)| ((*name).to_owned(), Value::Int(*value)));
        let form = Form { example: example.to_vec(), vocabulary, outputs: 2, every_step: false };
        architecture.layers(&form, &defaults.chain(changed).collect()).unwrap_err()
    };
    let texts = [
        refused("lenet5", &[1, 20, 28], None, &[]),
        refused("alexnet", &[3, 62, 64], None, &[]),
        refused("vgg16", &[3, 31, 32], None, &[]),
        refused("resnet18", &[784], None, &[]),
        refused("lstm", &[3, 32, 32], None, &[]),
        refused("transformer_encoder", &[20], Some(9), &[("hidden", 30), ("heads", 4)]),
    ];
    insta::assert_debug_snapshot!(texts);
}

#[test]
fn what_sees_the_next_token_predicts_none() {
    let form = Form { example: vec![9], vocabulary: Some(5), outputs: 5, every_step: true };
    assert_eq!(form.answers(), 8);
    for architecture in NEXT_TOKEN {
        let mut parameters: Parameters =
            architecture.parameters().into_iter().map(|p| (p.name, p.default)).collect();
        let network = architecture.layers(&form, &parameters).unwrap();
        let sees_all = |(_, layer): &Named| match layer {
            Layer::LastStates { .. } | Layer::AdditiveAttention { .. } | Layer::MeanOverTime => true,
            Layer::Sequential(layers) => {
                layers.iter().any(|(_, layer)| matches!(layer, Layer::TransformerEncoder(e) if !e.causal))
            }
            _ => false,
        };
        assert!(!network.layers.iter().any(sees_all), "{architecture:?}");
        if parameters.insert("bidirectional".to_owned(), Value::Bool(true)).is_some() {
            let refused = architecture.layers(&form, &parameters).unwrap_err();
            assert_eq!(refused, "a bidirectional network sees the token that it is to predict");
        }
    }
}

#[test]
fn draws_are_the_seed_s_and_cover_every_row() {
    let reference = &Reference::all()[0];
    let mut parameters = reference.hyperparameters();
    parameters.extend(
        [("epochs", 3), ("batch_size", 8), ("steps", 17), ("patience", 1)]
            .map(|(name, value)| (name.to_owned(), Value::Int(value))),
    );
    let training = training::Training::read(&parameters).unwrap();
    let draw =
        |seed| draws::draw(&reference.network(), &training, None, Precision::Float32, 50, seed).unwrap();
    let (first, again, other) = (draw(1), draw(1), draw(2));
    assert_eq!(first.work, again.work);
    assert_ne!(first.work, other.work);
    let of = |name: &str| first.tensors.iter().find(|(n, _)| n == name).map(|(_, t)| t).unwrap();
    // 5 of 50 rows are set apart; 45 rows make 6 steps an epoch, so 17 steps reach into the third.
    assert_eq!((of("validation").shape.as_slice(), of("order").shape.as_slice()), (&[5][..], &[3, 45][..]));
    assert_eq!((of("rates").shape.as_slice(), of("rates").dtype), (&[17][..], TensorDtype::Float64));
    let rows = |name: &str| -> Vec<i64> {
        of(name).data.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
    };
    for epoch in rows("order").chunks(45) {
        let mut all = [epoch, &rows("validation")].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..50));
    }
}

/// A network of one affine map draws weights, and a training of it so many epochs.
fn drawn(precision: Precision, change: &[(&str, Value)]) -> crate::task::Draws {
    let mut parameters = Reference::all()[0].hyperparameters();
    parameters.extend(change.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let training = training::Training::read(&parameters).unwrap();
    draws::draw(&network(0.0), &training, None, precision, 500, 7).unwrap()
}

#[test]
fn weights_are_drawn_alike_in_every_type_and_hashed_as_they_are_rounded() {
    let [single, half] = Precision::ALL.map(|precision| drawn(precision, &[]));
    assert_ne!(single.work["weights"], half.work["weights"]);
    for ((name, one), (_, other)) in single.tensors.iter().zip(&half.tensors) {
        assert_eq!(one.data, other.data, "{name}");
    }
    let mut digest = Sha256::new();
    for (name, tensor) in single.tensors.iter().filter_map(|(n, t)| Some((n.strip_prefix(draws::WEIGHT)?, t)))
    {
        digest.update([name.as_bytes(), &[0]].concat());
        for bytes in tensor.data.as_chunks().0 {
            let value = Precision::Bfloat16.round(f32::from_le_bytes(*bytes));
            digest.update(value.to_le_bytes());
        }
    }
    let expected = crate::files::hexadecimal(&digest.finalize());
    assert_eq!(half.work["weights"], Value::Text(expected));
}

#[test]
fn images_are_moved_only_as_asked() {
    let moves = |flip: bool, shift: i64| -> Vec<[i64; 3]> {
        let change = [("epochs", Value::Int(2)), ("flip", Value::Bool(flip)), ("shift", Value::Int(shift))];
        let drawn = drawn(Precision::Float32, &change);
        let Some((_, tensor)) = drawn.tensors.iter().find(|(name, _)| name == draws::AUGMENT) else {
            return Vec::new();
        };
        assert_eq!((tensor.shape.as_slice(), tensor.dtype), (&[2, 500, 3][..], TensorDtype::Int64));
        let numbers: Vec<i64> = tensor.data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
        numbers.as_chunks().0.to_vec()
    };
    assert_eq!(moves(false, 0), Vec::<[i64; 3]>::new());
    let (mirrored, moved, both) = (moves(true, 0), moves(false, 2), moves(true, 2));
    assert!(mirrored.iter().all(|m| m[1..] == [0, 0]) && moved.iter().all(|m| m[0] == 0));
    // Each draw has its place: what else is asked changes none.
    assert!(both.iter().zip(mirrored.iter().zip(&moved)).all(|(b, (f, s))| *b == [f[0], s[1], s[2]]));
    // Of 1000 fair draws 500 ± 5 deviations, and 200 of each of five.
    let count = |of: &dyn Fn(&[i64; 3]) -> bool| both.iter().filter(|m| of(m)).count();
    assert!((420..580).contains(&count(&|m| m[0] == 1)));
    for pixels in -2..=2 {
        assert!(
            (135..265).contains(&count(&|m| m[1] == pixels))
                && (135..265).contains(&count(&|m| m[2] == pixels))
        );
    }
}

#[test]
fn rates_follow_their_schedule() {
    let mut parameters = Reference::all()[0].hyperparameters();
    let mut rates = |schedule: &str| {
        parameters.extend([
            ("schedule".to_owned(), Value::Text(schedule.to_owned())),
            ("epochs".to_owned(), Value::Int(4)),
            ("step_epochs".to_owned(), Value::Int(2)),
            ("learning_rate".to_owned(), Value::Float(1.0)),
        ]);
        let training = training::Training::read(&parameters).unwrap();
        (0..4).map(|epoch| format!("{:.6}", training.rate(epoch))).collect::<Vec<_>>()
    };
    assert_eq!(rates("none"), ["1.000000"; 4]);
    assert_eq!(rates("step"), ["1.000000", "1.000000", "0.100000", "0.100000"]);
    // torch.optim.lr_scheduler.CosineAnnealingLR(T_max=4)
    assert_eq!(rates("cosine"), ["1.000000", "0.853553", "0.500000", "0.146447"]);
}

#[test]
fn an_optimiser_tells_the_hyperparameters_that_it_was_made_of() {
    for optimizer in ["sgd", "adam", "adamw", "rmsprop"] {
        let mut parameters = Reference::all()[0].hyperparameters();
        parameters.extend([
            ("optimizer".to_owned(), Value::Text(optimizer.to_owned())),
            ("momentum".to_owned(), Value::Float(0.7)),
            ("beta1".to_owned(), Value::Float(0.8)),
            ("weight_decay".to_owned(), Value::Float(0.01)),
            ("clip_norm".to_owned(), Value::Float(2.0)),
        ]);
        let training = training::Training::read(&parameters).unwrap();
        let told = training.optimizer.told(training.weight_decay, training.clip_norm);
        assert!(told.len() >= 5 && told.iter().all(|(name, value)| parameters[name] == *value), "{told:?}");
    }
}

/// A network of one affine map, and what somebody handed in of it.
fn network(dropout: f64) -> Network {
    let layers =
        vec![(String::new(), Layer::Dropout(dropout)), ("fc".to_owned(), Layer::Linear(Linear::new(2, 2)))];
    Network { layers }
}

fn evidence() -> Evidence {
    Evidence {
        losses: vec![0.7, 0.6, 0.5],
        logits: array![[1.0, 2.0], [3.0, 4.0]],
        next: None,
        epoch_ns: vec![1, 1],
        answers: vec![0.0, 0.0, 1.0, 1.0],
        initial_logits: array![[0.1, -0.1], [0.2, 0.0]],
        first: FirstStep {
            logits: array![[0.5, -0.5]],
            loss: 0.7,
            // The bias [2] comes before the weight [2, 2].
            gradients: vec![0.3, -0.3, 0.1, 0.2, 0.3, 0.4],
            norms: vec![0.18_f64.sqrt(), 0.30_f64.sqrt()],
        },
        envelope: Array2::from_shape_vec((1, 3), vec![0.7, 0.600_000_1, 0.500_000_2]).unwrap(),
    }
}

fn judged(dropout: f64, kernels: [Option<&str>; 2], change: impl Fn(&mut Evidence)) -> Vec<Check> {
    let outputs = Outputs::default();
    let (mut a, b) = (evidence(), evidence());
    change(&mut a);
    let side = |name, kernels| Side { name, outputs: &outputs, kernels };
    compare(
        &network(dropout),
        Precision::Float32,
        (side("rust/a", kernels[0]), side("python/b", kernels[1])),
        (&a, &b),
    )
}

fn refused(dropout: f64, kernels: [Option<&str>; 2], change: impl Fn(&mut Evidence)) -> Vec<String> {
    judged(dropout, kernels, change).into_iter().filter(|c| !c.agrees).map(|c| c.finding).collect()
}

const NONE: [Option<&str>; 2] = [None, None];
const SAME: [Option<&str>; 2] = [Some("libtorch 9"), Some("libtorch 9")];

#[test]
fn equal_bits_are_accepted_whoever_promises_them() {
    for kernels in [NONE, SAME, [Some("libtorch 9"), None]] {
        assert_eq!(refused(0.0, kernels, |_| {}), Vec::<String>::new());
    }
    let steps = judged(0.0, SAME, |_| {}).pop().unwrap();
    assert_eq!(steps.finding, "losses of 3 steps and all logits equal in every bit");
}

#[test]
fn kernels_that_promise_equal_bits_are_held_to_it() {
    let small = |e: &mut Evidence| e.losses[1] = e.losses[1].next_up();
    let found = refused(0.0, SAME, small);
    assert!(found[0].contains("libtorch 9") && found[0].contains("the losses of step 2 are"), "{found:?}");
    assert_eq!(refused(0.0, NONE, small), Vec::<String>::new(), "others may round");
    let found = refused(0.0, SAME, |e| e.initial_logits[[0, 0]] = 1.5);
    assert!(found[0].ends_with("the logits before training differ"), "{found:?}");
    let found = refused(0.0, SAME, |e| e.logits[[0, 0]] = 1.5);
    assert!(found[0].ends_with("the final answers differ"), "{found:?}");
    let found = refused(0.0, SAME, |e| e.answers[0] = 1.0);
    assert!(found[0].ends_with("the answers after an epoch differ"), "{found:?}");
}

#[test]
fn equal_bits_of_next_tokens_are_those_of_all() {
    let told = |log_probability: f64| {
        let (log_probabilities, answers) = (vec![log_probability, -0.5], vec![3, 4]);
        Some(NextTokens { log_probabilities, answers, truth: vec![3, 4] })
    };
    let compared = |ours: Option<NextTokens>| {
        let outputs = Outputs::default();
        let (a, b) = (Evidence { next: ours, ..evidence() }, Evidence { next: told(-0.25), ..evidence() });
        let side = |name| Side { name, outputs: &outputs, kernels: SAME[0] };
        compare(&network(0.0), Precision::Float32, (side("rust/a"), side("python/b")), (&a, &b))
            .pop()
            .unwrap()
    };
    let same = compared(told(-0.25));
    assert!(same.agrees && same.finding.contains("log-probabilities and answers of all tokens"), "{same:?}");
    let other = compared(told(-0.25_f64.next_up()));
    assert!(!other.agrees && other.finding.ends_with("the final answers differ"), "{other:?}");
}

#[test]
fn other_kernels_are_held_to_the_first_step_and_to_the_envelope() {
    let table: [(fn(&mut Evidence), &str); 8] = [
        (|e| e.losses[2] = 0.5001, "losses of the first 3 steps differ by"),
        (|e| e.losses[1] = 0.61, "losses of the first 3 steps differ by"),
        (|e| e.losses.truncate(2), "is not enough"),
        (|e| e.initial_logits[[1, 1]] = 0.001, "logits before training differ by"),
        (|e| e.first.logits[[0, 0]] = 0.501, "logits and loss of the first step differ by"),
        (|e| e.first.gradients.iter_mut().for_each(|g| *g /= 4.0), "gradients of the first step differ by"),
        (|e| e.first.norms[1] *= 1.1, "gradients of the first step differ by"),
        (|e| e.first.gradients.truncate(3), "first steps of other extents"),
    ];
    for (change, expected) in table {
        // What differs in the first step alone leaves equal losses; the rest of the training must differ for it to be looked at.
        let found = refused(0.0, NONE, |e| {
            e.logits[[0, 0]] += 1e-9;
            change(e);
        });
        assert!(found.iter().any(|f| f.contains(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn what_is_shown_must_be_what_was_timed() {
    let found = refused(0.0, SAME, |e| e.first.loss = 0.6);
    assert_eq!(found, ["rust/a shows a first step with the loss 0.6, but was timed with 0.7"]);
}

#[test]
fn where_values_are_dropped_the_steps_are_not_compared_unless_their_bits_are_promised() {
    let change = |e: &mut Evidence| e.losses[1] = 0.9;
    assert_eq!(refused(0.5, NONE, change), Vec::<String>::new());
    assert_eq!(refused(0.5, SAME, change).len(), 1);
    assert_eq!(
        refused(0.5, NONE, |e| {
            e.losses[1] = 0.9;
            e.first.gradients[0] = 0.0;
        })
        .len(),
        1
    );
}

/// What single precision refuses, and what no type may.
#[test]
fn the_first_step_is_judged_by_its_type() {
    let outputs = Outputs::default();
    let refused = |precision, change: fn(&mut Evidence)| {
        let (mut a, b) = (evidence(), evidence());
        a.logits[[0, 0]] += 1e-9;
        change(&mut a);
        let side = |name| Side { name, outputs: &outputs, kernels: None };
        let checks = compare(&network(0.0), precision, (side("rust/a"), side("python/b")), (&a, &b));
        checks.iter().filter(|c| !c.agrees).count()
    };
    let slight: fn(&mut Evidence) = |e| {
        e.first.logits[[0, 0]] *= 1.01;
        e.first.gradients.iter_mut().for_each(|g| *g *= 1.05);
    };
    let halved: fn(&mut Evidence) = |e| e.first.gradients.iter_mut().for_each(|g| *g /= 2.0);
    assert_eq!(Precision::ALL.map(|p| refused(p, slight)), [2, 0]);
    assert_eq!(Precision::ALL.map(|p| refused(p, halved)), [1, 1]);
}
