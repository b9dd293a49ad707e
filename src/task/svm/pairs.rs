//! Several classes from binary machines, as scikit-learn does it.
//!
//! One against one: a machine for each pair i < j of classes, in the order (0, 1), (0, 2), …, (1, 2), …, trained on the rows of the two.
//! A decision value above 0 is a vote for j, one below 0 a vote for i; most votes win, ties go to the lowest class (libsvm's rule).
//! One against the rest (liblinear): a machine for each class, or one for two classes; the largest decision value wins, ties go to the
//! lowest class.

use ndarray::ArrayView1;

/// The pairs i < j of `classes` classes in their order.
pub fn pairs(classes: usize) -> Vec<(usize, usize)> {
    (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j))).collect()
}

/// The class that most of the pairs' decision values of one row vote for.
pub fn vote(decisions: ArrayView1<'_, f64>, pairs: &[(usize, usize)], classes: usize) -> usize {
    let mut votes = vec![0_usize; classes];
    for (decision, (i, j)) in decisions.iter().zip(pairs) {
        votes[if *decision < 0.0 { *i } else { *j }] += 1;
    }
    lowest_largest(&votes)
}

/// The class with the largest decision value of one row; a single value is that of class 1 against class 0.
pub fn largest(decisions: ArrayView1<'_, f64>) -> usize {
    if decisions.len() == 1 { usize::from(decisions[0] > 0.0) } else { lowest_largest(&decisions.to_vec()) }
}

fn lowest_largest<T: PartialOrd>(values: &[T]) -> usize {
    (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn votes_are_counted_and_ties_go_to_the_lowest_class() {
        let of_three = pairs(3);
        assert_eq!(of_three, [(0, 1), (0, 2), (1, 2)]);
        assert_eq!(vote(array![-1.0, -2.0, 0.5].view(), &of_three, 3), 0);
        assert_eq!(vote(array![1.0, 2.0, 0.5].view(), &of_three, 3), 2);
        // A cycle: 1 beats 0, 0 beats 2, 2 beats 1.
        assert_eq!(vote(array![1.0, -9.0, 1.0].view(), &of_three, 3), 0);
    }

    #[test]
    fn the_largest_value_wins() {
        assert_eq!(largest(array![0.3].view()), 1);
        assert_eq!(largest(array![-0.3].view()), 0);
        assert_eq!(largest(array![-3.0, -1.0, -1.0].view()), 1);
    }
}
