//! The daemon: its schedule, its signals, its exports, and its notifications to a service manager.

mod end;
mod exports;
mod hooks;
mod outage;
mod reload;
mod schedule;
mod service;
