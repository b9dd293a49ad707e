//! Scores of a clustering: labels against the rows themselves, and against classes where there are some.
