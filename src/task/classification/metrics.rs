//! Scores of a classification: raw labels and scores against the classes, for every implementation alike.
