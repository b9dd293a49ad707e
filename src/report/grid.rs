//! A table of texts, and the forms in which it is printed.

use comfy_table::{CellAlignment, Table, presets};

use crate::guard::text;

/// A header and rows of equal length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grid {
    /// The column names; some may be empty.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table with these columns and no rows yet.
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Aligned columns, each line indented by two.
    pub fn text(&self) -> String {
        let shown = |cells: &[String]| cells.iter().map(|c| text::line(c).into_owned()).collect::<Vec<_>>();
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(shown(&self.header));
        table.add_rows(self.rows.iter().map(|row| shown(row)));
        for index in 0..table.column_count() {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Left);
                column.set_padding((0, 2));
            }
        }
        table.to_string().lines().map(|line| format!("  {}\n", line.trim_end())).collect()
    }

    /// A Markdown table.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|c| text::markdown(c)).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule = vec!["---".to_owned(); self.header.len()];
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.header) + &line(&rule) + &rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_told_in_both_forms() {
        let mut grid = Grid::new(["phase", "time"]);
        grid.rows.push(vec!["fit".to_owned(), "1 ms | 2 ms".to_owned()]);
        assert_eq!(grid.text(), "  phase  time\n  fit    1 ms | 2 ms\n");
        assert_eq!(grid.markdown(), "| phase | time |\n| --- | --- |\n| fit | 1 ms \\| 2 ms |\n");
    }
}
