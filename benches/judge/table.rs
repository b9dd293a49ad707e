//! Rates with their Monte-Carlo error, and Markdown tables of them.

/// How often something happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rate {
    /// Times it happened.
    pub hits: u32,
    /// Times it could have.
    pub of: u32,
}

impl Rate {
    /// One more chance, taken or not.
    pub fn count(&mut self, hit: bool) {
        self.hits += u32::from(hit);
        self.of += 1;
    }

    /// The rate, between 0 and 1; 0 if there was no chance.
    pub fn share(self) -> f64 {
        f64::from(self.hits) / f64::from(self.of.max(1))
    }

    /// The 95 % score interval (Wilson 1927, Journal of the American Statistical Association 22, 209–212).
    pub fn wilson(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        let (n, p) = (f64::from(self.of.max(1)), self.share());
        let center = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (((center - half) / scale).max(0.0), ((center + half) / scale).min(1.0))
    }

    /// Such as `5.1`, in per cent.
    pub fn percent(self) -> String {
        if self.of == 0 { "–".into() } else { format!("{:.1}", 100.0 * self.share()) }
    }

    /// Such as `5.1 [4.8, 5.4]`, in per cent.
    pub fn with_interval(self) -> String {
        let (low, high) = self.wilson();
        format!("{} [{:.1}, {:.1}]", self.percent(), 100.0 * low, 100.0 * high)
    }
}

/// Rows under a head.
#[derive(Debug)]
pub struct Table {
    columns: usize,
    rows: usize,
    text: String,
}

impl Table {
    /// A table with these columns; the first is aligned left, the others right.
    pub fn new(head: &[&str]) -> Self {
        let rule = std::iter::once("---").chain(head.iter().skip(1).map(|_| "---:")).collect::<Vec<_>>();
        Self {
            columns: head.len(),
            rows: 0,
            text: format!("| {} |\n| {} |\n", head.join(" | "), rule.join(" | ")),
        }
    }

    /// One more row, of a name and as many other cells as there are columns left.
    pub fn row(&mut self, name: &str, cells: &[String]) {
        assert_eq!(1 + cells.len(), self.columns, "a row has as many cells as the head");
        self.rows += 1;
        self.text.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The table as Markdown.
    pub fn markdown(&self) -> &str {
        &self.text
    }
}
