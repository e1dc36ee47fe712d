//! Figures as people look at them: medians in tables, a plot, and the raw figures beside.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use plotters::prelude::*;

use super::PeerFigures;
use super::contestant::Peer;
use super::event::EventSource;
use crate::Error;

/// Marks in the page around the tables of a source.
const fn marks(source: EventSource) -> (&'static str, &'static str) {
    match source {
        EventSource::Sqs => ("<!-- peers: made by make bench-peers -->", "<!-- peers end -->"),
        EventSource::Kafka => {
            ("<!-- kafka peers: made by make bench-peers SOURCE=kafka -->", "<!-- kafka peers end -->")
        }
    }
}

/// RowCase of a row: batch size, delay in milliseconds, phase.
type RowCase = (usize, u64, &'static str);

/// Median of several figures, with least and most.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
        Self { median: at(figures.len() / 2), least: at(0), most: at(figures.len().saturating_sub(1)) }
    }
}

/// Writes `peers.json`, `peers.svg` and the tables into `benchmarks.md` of a folder, and prints the tables. Of Kafka, with one size of
/// batches, there is nothing to plot.
pub(crate) fn write(figures: &PeerFigures, source: EventSource, into: &Path) -> Result<(), Error> {
    fs::create_dir_all(into)?;
    let raw = serde_json::to_string(figures)? + "\n";
    match source {
        EventSource::Sqs => {
            fs::write(into.join("peers.json"), raw)?;
            plot(figures, &into.join("peers.svg"))?;
        }
        EventSource::Kafka => fs::write(into.join("peers-kafka.json"), raw)?,
    }
    let (begin, end) = marks(source);
    let tables = tables(figures);
    println!("{tables}");
    let page = into.join("benchmarks.md");
    let text = fs::read_to_string(&page).unwrap_or_else(|_| format!("{begin}\n{end}\n"));
    let (before, rest) = text.split_once(begin).ok_or("benchmarks.md has no place for the tables")?;
    let (_, after) = rest.split_once(end).ok_or("benchmarks.md has no end of the tables")?;
    fs::write(page, format!("{before}{begin}\n{tables}{end}{after}"))?;
    Ok(())
}

fn tables(figures: &PeerFigures) -> String {
    let mut text = String::new();
    let peers = contestants(figures);
    let longest = longest(figures);
    // Calls and bytes hardly change with the size beyond a hundred, nor with the delay.
    let [times, counts]: [fn(RowCase, u64) -> bool; 2] = [
        |(size, delay, _), longest| delay == longest || size == 10,
        |(size, delay, _), longest| delay == longest && size <= 100,
    ];
    for (title, of, is_shown) in [
        ("wall, ms a batch", wall as fn(&PeerFigures, RowCase, &str) -> Option<Spread>, times),
        ("CPU, µs a message", cpu, times),
        ("DynamoDB calls a message", calls, counts),
        ("bytes sent and received a message", bytes, counts),
    ] {
        _ = writeln!(text, "\n| {title} | {} |\n|---|{}", peers.join(" | "), "---|".repeat(peers.len()));
        for case @ (size, delay, phase) in cases(figures).into_iter().filter(|case| is_shown(*case, longest)) {
            let cells: Vec<_> =
                peers.iter().map(|peer| of(figures, case, peer).map_or("-".to_owned(), shown)).collect();
            _ = writeln!(text, "| {size}, {phase}, {delay} ms a call | {} |", cells.join(" | "));
        }
    }
    _ = writeln!(text, "\n| a process | {} |\n|---|{}", peers.join(" | "), "---|".repeat(peers.len()));
    let starts = |peer: &str| figures.starts.iter().filter(|(one, _)| *one == peer).map(|(_, ms)| *ms).collect();
    let cells: Vec<_> = peers.iter().map(|peer| shown(Spread::of(starts(peer)))).collect();
    _ = writeln!(text, "| start to first poll, ms | {} |", cells.join(" | "));
    for size in sizes(figures) {
        let peak = |peer: &str| {
            let of_it = figures.processes.iter().filter(|one| one.peer == peer && one.size == size);
            of_it.map(|one| one.peak_mb).reduce(f64::max).map_or("-".to_owned(), |mb| format!("{mb:.0}"))
        };
        let cells: Vec<_> = peers.iter().map(|peer| peak(peer)).collect();
        _ = writeln!(text, "| most memory, batches of {size}, MB | {} |", cells.join(" | "));
    }
    let binary = |peer: &str| figures.binary_mb.iter().find(|(one, _)| *one == peer).map(|(_, mb)| format!("{mb:.2}"));
    let cells: Vec<_> = peers.iter().map(|peer| binary(peer).unwrap_or_else(|| "-".to_owned())).collect();
    _ = writeln!(text, "| binary, MB | {} |\n", cells.join(" | "));
    text
}

/// Names of those that took part.
fn contestants(figures: &PeerFigures) -> Vec<&'static str> {
    let took_part = |peer: &&str| figures.processes.iter().any(|process| process.peer == *peer);
    Peer::ALL.map(Peer::name).into_iter().filter(took_part).collect()
}

fn shown(Spread { median, least, most }: Spread) -> String {
    let digits = if median >= 100.0 {
        0
    } else if median >= 10.0 {
        1
    } else {
        2
    };
    let [median, least, most] = [median, least, most].map(|figure| format!("{figure:.digits$}"));
    if least == most { median } else { format!("{median} ({least} to {most})") }
}

fn cases(figures: &PeerFigures) -> Vec<RowCase> {
    let mut cases: Vec<RowCase> = Vec::new();
    for one in &figures.batches {
        let case = (one.size, one.delay_ms, one.phase);
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    cases
}

fn longest(figures: &PeerFigures) -> u64 {
    figures.batches.iter().map(|one| one.delay_ms).max().unwrap_or(0)
}

fn sizes(figures: &PeerFigures) -> Vec<usize> {
    let sizes: BTreeMap<usize, ()> = figures.batches.iter().map(|one| (one.size, ())).collect();
    sizes.into_keys().collect()
}

fn spread(figures: &PeerFigures, case: RowCase, peer: &str, of: impl Fn(&super::BatchFigure) -> f64) -> Option<Spread> {
    let of_case = figures.batches.iter().filter(|one| one.peer == peer && (one.size, one.delay_ms, one.phase) == case);
    let all: Vec<_> = of_case.map(of).collect();
    (!all.is_empty()).then(|| Spread::of(all))
}

fn wall(figures: &PeerFigures, case: RowCase, peer: &str) -> Option<Spread> {
    spread(figures, case, peer, |one| one.wall_ms)
}

fn cpu(figures: &PeerFigures, case: RowCase, peer: &str) -> Option<Spread> {
    spread(figures, case, peer, |one| one.cpu_us / count(one.size))
}

fn calls(figures: &PeerFigures, case: RowCase, peer: &str) -> Option<Spread> {
    spread(figures, case, peer, |one| one.counts["dynamodb"].as_f64().unwrap_or(f64::NAN) / count(one.size))
}

fn bytes(figures: &PeerFigures, case: RowCase, peer: &str) -> Option<Spread> {
    let both = |one: &super::BatchFigure| {
        ["sent", "received"].iter().filter_map(|name| one.counts[*name].as_f64()).sum::<f64>()
    };
    spread(figures, case, peer, |one| both(one) / count(one.size))
}

fn count(size: usize) -> f64 {
    u32::try_from(size).map_or(f64::NAN, f64::from)
}

/// Wall time a message by batch size, for new messages at the longest delay.
fn plot(figures: &PeerFigures, path: &Path) -> Result<(), Error> {
    let delay = longest(figures);
    let line = |peer: &str| -> Vec<(f64, f64)> {
        let of =
            |size| wall(figures, (size, delay, "first"), peer).map(|wall| (count(size), wall.median / count(size)));
        sizes(figures).into_iter().filter_map(of).collect()
    };
    let lines: Vec<_> = contestants(figures).into_iter().map(|peer| (peer, line(peer))).collect();
    let walls = || lines.iter().flat_map(|(_, line)| line.iter().map(|(_, wall)| *wall));
    let (least, most) = (walls().fold(f64::MAX, f64::min) / 1.5, walls().fold(0.0, f64::max) * 1.5);
    let root = SVGBackend::new(path, (800, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let caption = format!("Milliseconds a message, {delay} ms a call");
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 20))
        .margin(15)
        .x_label_area_size(45)
        .y_label_area_size(70)
        .build_cartesian_2d((8.0..12_000.0_f64).log_scale(), (least..most).log_scale())?;
    chart.configure_mesh().x_desc("messages a batch").y_desc("ms a message").draw()?;
    for (place, (name, line)) in lines.into_iter().enumerate() {
        let color = Palette99::pick(place).to_rgba();
        let drawn = LineSeries::new(line, color.stroke_width(3)).point_size(4);
        chart
            .draw_series(drawn)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(3)));
    }
    let labels = SeriesLabelPosition::UpperRight;
    chart.configure_series_labels().position(labels).background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_and_both_ends() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(shown(Spread::of(vec![250.4, 1.0])), "250 (1 to 250)");
        assert_eq!(shown(Spread::of(vec![2.0, 2.001])), "2.00");
    }
}
