//! One function over many things, on all processors.

use std::panic::resume_unwind;
use std::thread;

/// The function of each item, in the order of the items. Every processor gets an equal share of them, in one piece.
pub fn in_parallel<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    function: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(processors).max(1);
    let mut items = items.into_iter();
    let shares = std::iter::from_fn(|| Some(items.by_ref().take(share).collect::<Vec<T>>()));
    let shares: Vec<Vec<T>> = shares.take_while(|share| !share.is_empty()).collect();
    thread::scope(|scope| {
        let function = &function;
        let work = |share: Vec<T>| scope.spawn(move || share.into_iter().map(function).collect::<Vec<R>>());
        let workers: Vec<_> = shares.into_iter().map(work).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order() {
        for n in [0_u32, 1, 2, 7, 100] {
            assert_eq!(in_parallel(0..n, |i| i * i), (0..n).map(|i| i * i).collect::<Vec<_>>());
        }
    }
}
