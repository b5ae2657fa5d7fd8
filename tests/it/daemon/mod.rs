//! The daemon: its schedule, its signals, its exports, and its notifications to a service manager.

mod end;
mod exports;
mod feed_health;
mod hooks;
mod outage;
mod reload;
mod schedule;
mod service;
