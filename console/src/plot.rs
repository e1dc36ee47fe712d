//! Curves and bars as SVG in the page's own colours.

use std::fmt::Write;

use plotters::prelude::{ChartBuilder, IntoDrawingArea, LineSeries, RGBColor, Rectangle, SVGBackend};
use plotters::style::Color;

use redrive_core::time::Timestamp;

use crate::shown_text::ShownText;

/// Colour that stands for the page's own: the stylesheet decides, for light and for dark.
const INK: RGBColor = RGBColor(1, 2, 3);
/// Number of bars of a curve.
pub(crate) const BARS: usize = 48;

/// Counts over time, a bar for each span; `label` says to who cannot see it what is there.
pub(crate) fn curve(counts: &[u64], label: &str) -> ShownText {
    // A chart without room cannot be drawn, and this one has room.
    let drawn = bars(counts, (300, 56)).unwrap_or_default();
    ShownText::markup(own(&drawn, label))
}

fn bars(counts: &[u64], size: (u32, u32)) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "a bar is some pixels high")]
    let height = |count: u64| count as f64;
    let most = height(counts.iter().copied().max().unwrap_or(0).max(1));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let spans = 0.0..height(counts.len() as u64).max(1.0);
        let mut chart = ChartBuilder::on(&root).margin(1).build_cartesian_2d(spans, 0.0..most).ok()?;
        let bar = |(place, count): (usize, &u64)| {
            let left = height(place as u64);
            // One that is there is seen, however many another span has.
            let top = if *count == 0 { most / 56.0 } else { height(*count).max(most / 14.0) };
            let ink = if *count == 0 { INK.mix(0.35) } else { INK.mix(1.0) };
            Rectangle::new([(left + 0.1, 0.0), (left + 0.9, top)], ink.filled())
        };
        chart.draw_series(counts.iter().enumerate().map(bar)).ok()?;
        root.present().ok()?;
    }
    Some(svg)
}

/// A number over time as a line, from zero on.
pub(crate) fn line(points: &[(Timestamp, u64)], label: &str) -> ShownText {
    ShownText::markup(own(&lines(points, (300, 64)).unwrap_or_default(), label))
}

#[expect(clippy::cast_precision_loss, reason = "a line is some pixels high and wide")]
fn lines(points: &[(Timestamp, u64)], size: (u32, u32)) -> Option<String> {
    let from = points.first()?.0;
    let at = |at: Timestamp| at.since(from).as_millis() as f64;
    let most = points.iter().map(|(_, n)| *n).max()?.max(1) as f64;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let wide = points.last().map_or(1.0, |(last, _)| at(*last)).max(1.0);
        let mut chart = ChartBuilder::on(&root).margin(2).build_cartesian_2d(0.0..wide, 0.0..most * 1.08).ok()?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (wide, 0.0)], INK.mix(0.35))).ok()?;
        let drawn = points.iter().map(|(time, n)| (at(*time), *n as f64));
        chart.draw_series(LineSeries::new(drawn, INK.stroke_width(2))).ok()?;
        root.present().ok()?;
    }
    Some(svg)
}

/// Makes a drawing the page's own: its colours, its size, and a label.
fn own(svg: &str, label: &str) -> String {
    let Some((head, rest)) = svg.split_once('>') else { return String::new() };
    let view =
        head.split_once("viewBox=\"").and_then(|(_, view)| view.split_once('"')).map_or("0 0 1 1", |(view, _)| view);
    let mut html = format!("<svg viewBox=\"{view}\" role=\"img\" aria-label=\"");
    crate::shown_text::push(&mut html, label);
    html.push_str("\">");
    html.push_str(&rest.replace("#010203", "currentColor"));
    html
}

/// Parts of a whole, side by side; each has the class that the stylesheet gives a colour. Decoration: the numbers stand beside it.
pub(crate) fn split(parts: &[(&'static str, u64)]) -> ShownText {
    let total = parts.iter().map(|(_, n)| n).sum::<u64>().max(1);
    let mut html = String::from("<svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    let mut left = 0;
    for (class, n) in parts.iter().filter(|(_, n)| *n > 0) {
        // What is there is seen, if only as a line.
        let wide = (n.saturating_mul(1_000) / total).max(4);
        let _ = write!(html, "<rect class=\"fill-{class}\" x=\"{left}\" y=\"0\" width=\"{wide}\" height=\"10\"/>");
        left += wide;
    }
    html.push_str("</svg>");
    ShownText::markup(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_a_bar_for_each_span_and_the_pages_own_colour() {
        let html = curve(&[0, 3, 20_000], "three <spans>").to_string();
        assert_eq!(html.matches("<rect").count(), 3, "{html}");
        assert!(html.contains("currentColor") && !html.contains("#010203"), "{html}");
        assert!(html.contains("aria-label=\"three &lt;spans&gt;\""), "{html}");
        assert!(!curve(&[], "none").is_empty());
    }

    #[test]
    fn a_part_that_is_there_is_seen_beside_a_large_one() {
        let html = split(&[("person", 20_000), ("itself", 0), ("used", 1)]).to_string();
        assert_eq!((html.matches("<rect").count(), html.contains("fill-itself")), (2, false), "{html}");
    }
}
