//! Certificates of support vector machines: objectives and duality gaps from raw parameters, whoever found these.
//!
//! A support vector machine is a convex problem with a dual, and any feasible pair of primal and dual answers bounds its own
//! distance from the optimum: `P - P* <= P - D`. So the scorer needs no reference solver where the implementation reports dual
//! coefficients ([`machine`]); where only `w` and `b` exist it solves the dual itself ([`linear`], [`interior`]). Nothing here is
//! shared with a backend except the definition of the kernels ([`kernel`]).
//!
//! **From gaps to decision values.** `P` is 1-strongly convex in the function `f` (the decision value without its intercept), so two
//! answers `A` and `B` with gaps `g_A` and `g_B` satisfy `|f_A - f_B|² <= 2 (g_A + g_B)` in the norm of the kernel's space, and for
//! every row `x`
//!
//! ```text
//! |f_A(x) - f_B(x)| <= sqrt(2 (g_A + g_B) K(x, x))
//! ```
//!
//! The intercept is not penalised; [`machine::Bound`] says how far it may differ. This is a theorem, so two honest answers always pass
//! it, and the more accurate they are the less they may differ.
//!
//! References: C. Cortes, V. Vapnik (1995), *Support-vector networks*; B. Schölkopf, A. Smola, R. Williamson, P. Bartlett (2000), *New
//! support vector algorithms*; C.-C. Chang, C.-J. Lin (2011), *LIBSVM*, §2; R.-E. Fan et al. (2008), *LIBLINEAR*, §2.

pub mod contract;
pub mod interior;
pub mod kernel;
pub mod linear;
pub mod machine;
pub mod pairs;

#[cfg(test)]
pub mod reference;
#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
mod tests;
