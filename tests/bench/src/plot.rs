//! Results as plots.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::loads::{Kind, Load};
use crate::results::{MeasuredServer, Results};
use crate::servers::{Category, FLOOR, MODELS};
use crate::statistics::{Metric, Spread};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Colours that are easy to distinguish on white, with most kinds of colour blindness too.
const COLOURS: [RGBColor; MODELS.len()] = [
    RGBColor(0x8c, 0x51, 0x0a),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x80, 0x80, 0x80),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x9e, 0x73),
];
const OURS: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const PEERS: RGBColor = RGBColor(0xb0, 0xb0, 0xb0);

const BAR_COLOURS: &str = "blue: this project's servers, in Rust; grey: other runtimes and libraries; black: the floor";

const TITLE: (&str, i32) = ("sans-serif", 20);
const TEXT: (&str, i32) = ("sans-serif", 15);

/// Draws all plots for which there are results.
pub fn all(results: &Results, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    line_chart(
        results,
        &folder.join("connections.svg"),
        "All connections active: server CPU time per message",
        &["ping_1x128", "ping_50x128", "ping_1000x128", "ping_10000x128"],
    )?;
    line_chart(
        results,
        &folder.join("idle.svg"),
        "10 active connections, the others idle: server CPU time per message",
        &["idle_50", "idle_1000", "idle_10000"],
    )?;
    bar_chart(
        results,
        &folder.join("peers.svg"),
        "Server CPU time per message in µs, 50 connections, 128 bytes",
        "ping_50x128",
        Metric::ServerCpu,
    )?;
    bar_chart(
        results,
        &folder.join("memory.svg"),
        "Resident memory in MB, 10 000 connections",
        "ping_10000x128",
        Metric::Resident,
    )
}

/// One line of a line chart.
struct Curve {
    name: String,
    colour: RGBColor,
    /// Number of connections and microseconds.
    points: Vec<(f64, f64)>,
}

/// The CPU time of each model in Rust over the number of connections, both axes logarithmic.
fn line_chart(results: &Results, file: &Path, title: &str, loads: &[&str]) -> Result<()> {
    let points = |server: &str| -> Result<Vec<(f64, f64)>> {
        let mut points = Vec::new();
        for name in loads {
            let load = Load::find(name).with_context(|| format!("unknown load {name}"))?;
            let Kind::Ping { connections, .. } = load.kind else { continue };
            if let Some(cpu) = results.metric(server, name, Metric::ServerCpu) {
                points.push((connections as f64, cpu.median));
            }
        }
        Ok(points)
    };
    let mut curves = Vec::new();
    for ((model, _), colour) in MODELS.into_iter().zip(COLOURS) {
        let points = points(&format!("{model}_rust"))?;
        curves.push(Curve { name: model.to_owned(), colour, points });
    }
    curves.push(Curve { name: FLOOR.to_owned(), colour: BLACK, points: points(FLOOR)? });
    curves.retain(|curve| !curve.points.is_empty());
    // The legend has the order of the right ends, from top to bottom.
    curves.sort_by(|a, b| f64::total_cmp(&b.last(), &a.last()));
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let (Some(x), Some(y)) = (Spread::of(all().map(|p| p.0)), Spread::of(all().map(|p| p.1))) else {
        return Ok(());
    };
    write_svg(file, (860, 480), |area| {
        let (chart_area, legend) = area.split_horizontally(720);
        let mut chart = ChartBuilder::on(&chart_area)
            .caption(title, TITLE)
            .margin(12)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d((x.min * 0.8..x.max * 1.25).log_scale(), (y.min * 0.7..y.max * 1.4).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(TEXT)
            .axis_desc_style(TEXT)
            .x_desc("connections")
            .y_desc("µs")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| y.to_string())
            .draw()?;
        for (row, Curve { name, colour, points }) in (0..).zip(&curves) {
            let style = colour.stroke_width(2);
            chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
            let y = 70 + 24 * row;
            legend.draw(&PathElement::new([(0, y), (24, y)], style))?;
            legend.draw(&Circle::new((12, y), 4, colour.filled()))?;
            legend.draw(&Text::new(name.clone(), (32, y), anchored(HPos::Left)))?;
        }
        Ok(())
    })
}

impl Curve {
    fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.1)
    }
}

/// A metric of the Rust servers, the floor and the peers, in ascending order.
fn bar_chart(results: &Results, file: &Path, title: &str, load: &str, metric: Metric) -> Result<()> {
    let bar = |server: &MeasuredServer| {
        let colour = match server.category {
            Category::Rust => OURS,
            Category::Floor => BLACK,
            Category::Peer => PEERS,
            Category::Other => return None,
        };
        Some((server.name.clone(), colour, results.metric(&server.name, load, metric)?))
    };
    let mut rows: Vec<(String, RGBColor, Spread)> = results.servers.iter().filter_map(bar).collect();
    rows.sort_by(|a, b| f64::total_cmp(&a.2.median, &b.2.median));
    let Some(largest) = Spread::of(rows.iter().map(|row| row.2.max)) else {
        return Ok(());
    };
    let height = 84 + 24 * u32::try_from(rows.len())?;
    write_svg(file, (860, height), |area| {
        area.draw(&Text::new(title.to_owned(), (16, 14), TITLE))?;
        area.draw(&Text::new(BAR_COLOURS, (16, 40), TEXT))?;
        let left = 190;
        let position = |value: f64| left + (value / largest.max * 560.0).round() as i32;
        for (row, (name, colour, Spread { min, median, max })) in (0..).zip(&rows) {
            let y = 84 + 24 * row;
            area.draw(&Text::new(name.clone(), (left - 10, y), anchored(HPos::Right)))?;
            let corners = [(left, y - 8), (position(*median), y + 8)];
            area.draw(&Rectangle::new(corners, colour.filled()))?;
            let range = [(position(*min), y), (position(*max), y)];
            area.draw(&PathElement::new(range, RGBColor(0x40, 0x40, 0x40).stroke_width(2)))?;
            let label = format!("{median:.2}");
            area.draw(&Text::new(label, (position(*max) + 8, y), anchored(HPos::Left)))?;
        }
        Ok(())
    })
}

/// Text whose given side is centred at the position.
fn anchored(side: HPos) -> TextStyle<'static> {
    TEXT.into_text_style(&(860, 480)).pos(Pos::new(side, VPos::Center))
}

/// Draws an SVG file, with a background so that it is readable on any page.
fn write_svg(
    file: &Path,
    size: (u32, u32),
    draw: impl FnOnce(&Area) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<()> {
    let area = SVGBackend::new(file, size).into_drawing_area();
    area.fill(&WHITE)
        .map_err(Box::from)
        .and_then(|()| draw(&area))
        .and_then(|()| Ok(area.present()?))
        .map_err(|error| anyhow!("cannot draw {}: {error}", file.display()))
}
