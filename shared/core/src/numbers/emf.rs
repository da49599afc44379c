//! Metrics as lines of a log, in CloudWatch's embedded metric format.
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>)

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Numbers;

/// The namespace of Kiln's metrics.
const NAMESPACE: &str = "Kiln";
/// The most values of one metric in a line.
const MOST_VALUES: usize = 100;

impl Numbers {
    /// The lines that tell them, most often one. The stack is their only dimension: one for each recipe would cost as much
    /// as so many metrics. Recipe and version stand beside them, where a query finds them.
    pub fn lines(&self, stack: &str, now: DateTime<Utc>) -> Vec<String> {
        let longest = self.values.iter().map(|(_, values)| values.len()).max().unwrap_or_default();
        (0..longest.div_ceil(MOST_VALUES)).map(|part| self.line(part, stack, now)).collect()
    }

    fn line(&self, part: usize, stack: &str, now: DateTime<Utc>) -> String {
        let (mut fields, mut metrics) = (Map::new(), Vec::new());
        for (metric, values) in &self.values {
            match values.chunks(MOST_VALUES).nth(part) {
                Some([one]) => fields.insert(metric.name().into(), json!(one)),
                Some(several) => fields.insert(metric.name().into(), json!(several)),
                None => continue,
            };
            metrics.push(json!({ "Name": metric.name(), "Unit": metric.unit() }));
        }
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": metrics });
        fields.insert(
            "_aws".into(),
            json!({ "Timestamp": now.timestamp_millis(), "CloudWatchMetrics": [directive] }),
        );
        fields.insert("Stack".into(), json!(stack));
        if let Some(about) = &self.about {
            fields.insert("recipe".into(), json!(about.recipe));
            fields.insert("version".into(), json!(about.version));
        }
        if let Some(stalest) = &self.stalest {
            fields.insert("stalest".into(), json!(stalest));
        }
        Value::Object(fields).to_string()
    }
}
