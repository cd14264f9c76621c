//! Results as drawings.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::loads::{Kind, Load};
use crate::results::{Present, Results};
use crate::servers::{FLOOR, MODELS, Which};
use crate::statistics::{Figure, Spread};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Colours that can be told apart on white, with most kinds of colour blindness too.
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

const BAR_COLOURS: &str =
    "blue: this project's servers, in Rust; grey: what people would take instead; black: the floor";

const TITLE: (&str, i32) = ("sans-serif", 20);
const TEXT: (&str, i32) = ("sans-serif", 15);

/// Draws everything that the results have the figures for.
pub fn all(results: &Results, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    curves(
        results,
        &folder.join("connections.svg"),
        "Every connection sends: server CPU for each message",
        &["ping_1x128", "ping_50x128", "ping_1000x128", "ping_10000x128"],
    )?;
    curves(
        results,
        &folder.join("idle.svg"),
        "10 connections send, the others are idle: server CPU for each message",
        &["idle_50", "idle_1000", "idle_10000"],
    )?;
    bars(
        results,
        &folder.join("peers.svg"),
        "Server CPU for each message in µs, 50 connections, 128 bytes",
        "ping_50x128",
        Figure::Cpu,
    )?;
    bars(
        results,
        &folder.join("memory.svg"),
        "Resident memory in MB, 10 000 connections",
        "ping_10000x128",
        Figure::Resident,
    )
}

/// A curve, ready to be drawn.
struct Curve {
    name: String,
    colour: RGBColor,
    /// Connections and microseconds.
    points: Vec<(f64, f64)>,
}

/// The CPU time of every model, in Rust, against the number of connections; both axes logarithmic.
fn curves(results: &Results, file: &Path, title: &str, loads: &[&str]) -> Result<()> {
    let points = |server: &str| -> Result<Vec<(f64, f64)>> {
        let mut points = Vec::new();
        for name in loads {
            let load = Load::find(name).with_context(|| format!("there is no load {name}"))?;
            let Kind::Ping { connections, .. } = load.kind else { continue };
            if let Some(cpu) = results.figure(server, name, Figure::Cpu) {
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
    // The legend lists them as they end, from the top.
    curves.sort_by(|a, b| f64::total_cmp(&b.last(), &a.last()));
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let (Some(x), Some(y)) = (Spread::of(all().map(|p| p.0)), Spread::of(all().map(|p| p.1)))
    else {
        return Ok(());
    };
    drawn(file, (860, 480), |area| {
        let (chart_area, legend) = area.split_horizontally(720);
        let mut chart = ChartBuilder::on(&chart_area)
            .caption(title, TITLE)
            .margin(12)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(
                (x.least * 0.8..x.most * 1.25).log_scale(),
                (y.least * 0.7..y.most * 1.4).log_scale(),
            )?;
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
            chart
                .draw_series(points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
            let y = 70 + 24 * row;
            legend.draw(&PathElement::new([(0, y), (24, y)], style))?;
            legend.draw(&Circle::new((12, y), 4, colour.filled()))?;
            legend.draw(&Text::new(name.clone(), (32, y), beside(HPos::Left)))?;
        }
        Ok(())
    })
}

impl Curve {
    fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.1)
    }
}

/// A figure of the Rust servers, the floor and the peers, from the least to the most.
fn bars(results: &Results, file: &Path, title: &str, load: &str, figure: Figure) -> Result<()> {
    let bar = |server: &Present| {
        let colour = match server.which {
            Which::Rust => OURS,
            Which::Floor => BLACK,
            Which::Peer => PEERS,
            Which::Other => return None,
        };
        Some((server.name.clone(), colour, results.figure(&server.name, load, figure)?))
    };
    let mut rows: Vec<(String, RGBColor, Spread)> =
        results.servers.iter().filter_map(bar).collect();
    rows.sort_by(|a, b| f64::total_cmp(&a.2.median, &b.2.median));
    let Some(most) = Spread::of(rows.iter().map(|row| row.2.most)) else {
        return Ok(());
    };
    let height = 84 + 24 * u32::try_from(rows.len())?;
    drawn(file, (860, height), |area| {
        area.draw(&Text::new(title.to_owned(), (16, 14), TITLE))?;
        area.draw(&Text::new(BAR_COLOURS, (16, 40), TEXT))?;
        let left = 190;
        let place = |value: f64| left + (value / most.most * 560.0).round() as i32;
        for (row, (name, colour, Spread { least, median, most })) in (0..).zip(&rows) {
            let y = 84 + 24 * row;
            area.draw(&Text::new(name.clone(), (left - 10, y), beside(HPos::Right)))?;
            let corners = [(left, y - 8), (place(*median), y + 8)];
            area.draw(&Rectangle::new(corners, colour.filled()))?;
            let range = [(place(*least), y), (place(*most), y)];
            area.draw(&PathElement::new(range, RGBColor(0x40, 0x40, 0x40).stroke_width(2)))?;
            let label = format!("{median:.2}");
            area.draw(&Text::new(label, (place(*most) + 8, y), beside(HPos::Left)))?;
        }
        Ok(())
    })
}

/// Text of which the middle of that side is at the given place.
fn beside(side: HPos) -> TextStyle<'static> {
    TEXT.into_text_style(&(860, 480)).pos(Pos::new(side, VPos::Center))
}

/// An SVG file with a background of its own, so that it can be read on any page.
fn drawn(
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
