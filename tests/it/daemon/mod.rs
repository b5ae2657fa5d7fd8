//! The daemon: its schedule, its signals, its exports, and what it tells a service manager.

mod end;
mod exports;
mod hooks;
mod outage;
mod reload;
mod schedule;
mod service;
