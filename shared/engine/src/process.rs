//! Processing: a batch from the main queue, each message claimed, handled and settled before it is acknowledged.

mod attempt;
mod claiming;
mod comparing;
mod delaying;
mod handing_over;
mod held;
mod honouring;
mod lines;
mod outages;
mod pace;
mod parked;
mod parts;
mod ports;
mod processor;
mod report;
mod running;
mod settings;
mod settling;
mod starting;
mod tasks;
mod under_way;

pub use outages::Outages;
pub use ports::{Nowhere, ProcessPorts};
pub use processor::Processor;
pub use report::{Counts, ProcessReport};
pub use settings::{Order, ProcessSettings};
