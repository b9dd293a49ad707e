//! A task that trains networks: what `image`, `sequence`, `forecast` and `next_token` are instances of.

use ndarray::Array1;

use super::architecture::Architecture;
use super::evidence::Evidence;
use super::precision::Precision;
use super::training::Training;
use super::{Case, PRIMARY_PHASES, algorithms, contract, draws, epochs, form, rates};
use crate::data::TargetKind;
use crate::data::bundle::{Bundle, TEST_TARGET, TRAIN_FEATURES};
use crate::task::outputs::Outputs;
use crate::task::parameter::Parameters;
use crate::task::{
    AlgorithmDef, Check, Draws, Family, Learner, Problem, Rates, Scores, Series, Side, Task, TaskDef,
    TaskError, classification, regression,
};

/// A task that trains networks, all of whose architectures are judged alike.
#[derive(Debug)]
pub struct NetworkTask {
    /// The name in specs.
    pub name: &'static str,
    /// What a solution is.
    pub doc: &'static str,
    /// The networks.
    pub architectures: &'static [&'static dyn Architecture],
    /// What they predict.
    pub target: TargetKind,
    /// Whether it takes rows of tokens.
    pub tokens: bool,
    /// The metrics that reports show first. The quality over seeds is the first.
    pub headline: &'static [&'static str],
    /// The default margin on its mean.
    pub margin: f64,
    /// The metrics that are known after every epoch.
    pub epoch_metrics: &'static [&'static str],
    /// What rates count where rows are not made of tokens: `images`.
    pub unit: &'static str,
}

impl Task for NetworkTask {
    fn definition(&self) -> TaskDef {
        TaskDef {
            name: self.name.to_owned(),
            doc: self.doc.to_owned(),
            targets: vec![self.target],
            tokens: self.tokens,
            supervised: true,
            application: "predict".to_owned(),
            learner: Learner::Network,
            dtypes: Precision::ALL.map(|p| p.name().to_owned()).to_vec(),
            primary_phases: PRIMARY_PHASES.map(str::to_owned).to_vec(),
            headline_metrics: self.headline.iter().map(|name| (*name).to_owned()).collect(),
            lower_is_better: ["log_loss", "perplexity", "rmse", "mse", "mae", "training_loss"]
                .map(str::to_owned)
                .to_vec(),
            epoch_metrics: self.epoch_metrics.iter().map(|m| (*m).to_owned()).collect(),
            algorithms: self.algorithms(),
        }
    }

    fn family(&self, algorithm: &str) -> Option<&dyn Family> {
        self.architectures.iter().any(|a| a.name() == algorithm).then_some(self)
    }

    fn network(&self) -> Option<&Self> {
        Some(self)
    }

    fn check(&self, problem: &Problem<'_>) -> Result<(), TaskError> {
        let case = self.case(problem)?;
        problem
            .weights
            .map_or(Ok(()), |file| file.values(&case.network).map(drop))
            .map_err(TaskError::Impossible)
    }

    fn draw(&self, problem: &Problem<'_>, seed: u64) -> Result<Option<Draws>, TaskError> {
        let case = self.case(problem)?;
        let rows = problem.bundle.rows(TRAIN_FEATURES)?;
        let precision = precision(problem)?;
        let draws = draws::draw(&case.network, &case.training, problem.weights, precision, rows, seed);
        draws.map(Some).map_err(TaskError::Impossible)
    }

    fn metrics(
        &self,
        problem: &Problem<'_>,
        outputs: &Outputs,
        scores: &mut Scores,
    ) -> Result<(), TaskError> {
        let evidence = Evidence::read(problem, outputs, &form(problem.bundle))?;
        match (self.target, &evidence.next) {
            (_, Some(next)) => next.score(scores),
            (TargetKind::Continuous, None) => {
                let truth = problem.bundle.f64_vector(TEST_TARGET)?;
                let predictions: Array1<f64> = evidence.logits.column(0).to_owned();
                regression::score(&truth, &predictions.to_vec(), scores)?;
            }
            (TargetKind::Classes | TargetKind::Next, None) => {
                classification::score_logits(
                    &problem.bundle.i64_vector(TEST_TARGET)?,
                    evidence.logits.view(),
                    scores,
                )?;
            }
        }
        evidence.score(scores);
        epochs::score(problem, &evidence, self.epoch_metrics, scores)
    }

    fn rates(&self, problem: &Problem<'_>, batches: &[(String, u64)]) -> Option<Rates> {
        let training = self.case(problem).ok()?.training;
        let mut rates = rates::of(problem.bundle, &training, self.unit).ok()?;
        rates.rows.extend(batches.iter().cloned());
        Some(rates)
    }

    fn check_times(&self, outputs: &Outputs, series: &Series<'_>) -> Result<(), TaskError> {
        epochs::check_times(outputs, series)
    }

    fn compare_plainly(&self, _: &Problem<'_>, _: Side<'_>, _: Side<'_>) -> Result<Vec<Check>, TaskError> {
        let finding =
            "nothing is known of this architecture, so nothing proves that both computed it".to_owned();
        Ok(vec![Check::disagreement("architecture", finding)])
    }
}

impl Family for NetworkTask {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        // What has no tokens has images.
        algorithms(self.architectures, !self.tokens, self.headline[0], self.margin)
    }

    fn score(&self, _: &Problem<'_>, _: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        let case = self.case(problem)?;
        let read = |side: Side<'_>| Evidence::read(problem, side.outputs, &case.form);
        let evidence = (&read(contender)?, &read(baseline)?);
        Ok(contract::compare(&case.network, precision(problem)?, (contender, baseline), evidence))
    }
}

impl NetworkTask {
    /// What an algorithm of the task asks for with these hyperparameters and data.
    ///
    /// # Errors
    /// A phrase that says why there is no such network.
    pub fn read(
        &self,
        algorithm: &str,
        hyperparameters: &Parameters,
        bundle: &Bundle,
    ) -> Result<Case, String> {
        let architecture = self.architectures.iter().find(|a| a.name() == algorithm);
        let architecture = architecture.ok_or_else(|| format!("there is no architecture `{algorithm}`"))?;
        let form = form(bundle);
        let network = architecture.layers(&form, hyperparameters)?;
        let training = Training::read(hyperparameters)?;
        if training.shift > 0 {
            let [_, height, width] = form.image()?;
            if training.shift >= height.min(width) {
                let shift = training.shift;
                return Err(format!(
                    "`shift` is {shift}, which leaves nothing of images of {height}×{width}"
                ));
            }
        }
        Ok(Case { network, training, target: bundle.manifest().target, form })
    }

    fn case(&self, problem: &Problem<'_>) -> Result<Case, TaskError> {
        self.read(problem.algorithm, problem.hyperparameters, problem.bundle).map_err(TaskError::Impossible)
    }
}

/// The type in which a network was to compute.
fn precision(problem: &Problem<'_>) -> Result<Precision, TaskError> {
    let name = problem.dtype.unwrap_or(Precision::Float32.name());
    Precision::of(name).ok_or_else(|| TaskError::Impossible(format!("no network computes in {name}")))
}
