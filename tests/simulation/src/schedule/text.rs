//! A schedule as a text file, and back.

use std::fmt;
use std::str::FromStr;

use super::{Action, ClientPlan, MemberPlan, Schedule, Verb};

impl Schedule {
    fn settings(&mut self) -> [(&'static str, &mut i64); 9] {
        [
            ("brokers", &mut self.brokers),
            ("replicas", &mut self.replicas),
            ("latency-ms", &mut self.latency_ms),
            ("offload-ms", &mut self.offload_ms),
            ("cuts", &mut self.cuts),
            ("stalls", &mut self.stalls),
            ("half-open", &mut self.half_open),
            ("refusals", &mut self.refusals),
            ("unclean", &mut self.unclean),
        ]
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for (name, value) in self.clone().settings() {
            writeln!(f, "{name} {value}")?;
        }
        for partitions in &self.topics {
            writeln!(f, "topic {partitions}")?;
        }
        for client in &self.clients {
            write!(f, "client producers={} consumers={}", client.producers, client.consumers)?;
            write!(f, " reports={} cursors={}", i32::from(client.reports), i32::from(client.cursors))?;
            for (name, value) in &client.properties {
                write!(f, " {name}={value}")?;
            }
            writeln!(f)?;
        }
        for member in &self.members {
            let (listens, cursors) = (i32::from(member.listens), i32::from(member.cursors));
            write!(f, "member client={} listens={listens} cursors={cursors} commits={}", member.client, member.commits)?;
            for (name, value) in &member.properties {
                write!(f, " {name}={value}")?;
            }
            writeln!(f)?;
        }
        for action in &self.actions {
            write!(f, "at {} {}", action.at, action.verb.name())?;
            for (name, value) in action.verb.arguments().iter().zip(&action.numbers) {
                write!(f, " {name}={value}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn pairs(words: &[&str]) -> Result<Vec<(String, String)>, String> {
    let pair = |word: &&str| {
        let (name, value) = word.split_once('=').ok_or_else(|| format!("{word} is not NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    words.iter().map(pair).collect()
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}

fn client(words: &[&str]) -> Result<ClientPlan, String> {
    let mut plan = ClientPlan::default();
    for (name, value) in pairs(words)? {
        match name.as_str() {
            "producers" => plan.producers = number(&value)?,
            "consumers" => plan.consumers = number(&value)?,
            "reports" => plan.reports = value == "1",
            "cursors" => plan.cursors = value == "1",
            _ => plan.properties.push((name, value)),
        }
    }
    Ok(plan)
}

fn member(words: &[&str]) -> Result<MemberPlan, String> {
    let mut plan = MemberPlan::default();
    for (name, value) in pairs(words)? {
        match name.as_str() {
            "client" => plan.client = number(&value)?,
            "listens" => plan.listens = value == "1",
            "cursors" => plan.cursors = value == "1",
            "commits" => plan.commits = number(&value)?,
            _ => plan.properties.push((name, value)),
        }
    }
    Ok(plan)
}

fn action(words: &[&str]) -> Result<Action, String> {
    let [at, name, arguments @ ..] = words else { return Err("an action is: at MS VERB NAME=NUMBER...".into()) };
    let verb = Verb::ALL.iter().copied().find(|verb| verb.name() == *name).ok_or_else(|| format!("there is no {name}"))?;
    let given = pairs(arguments)?;
    let wanted = |name: &&str| {
        let (_, value) = given.iter().find(|(of, _)| of == name).ok_or_else(|| format!("{} lacks {name}", verb.name()))?;
        number(value)
    };
    let numbers = verb.arguments().iter().map(wanted).collect::<Result<Vec<i64>, String>>()?;
    Ok(Action { at: number(at)?, verb, numbers })
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut schedule = Self::default();
        for (line, at) in text.lines().zip(1..) {
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            let taken = match words.as_slice() {
                [] => Ok(()),
                ["seed", value] => number(value).map(|seed| schedule.seed = seed),
                ["topic", value] => number(value).map(|partitions| schedule.topics.push(partitions)),
                ["client", rest @ ..] => client(rest).map(|plan| schedule.clients.push(plan)),
                ["member", rest @ ..] => member(rest).map(|plan| schedule.members.push(plan)),
                ["at", rest @ ..] => action(rest).map(|action| schedule.actions.push(action)),
                [name, value] => match schedule.settings().into_iter().find(|(of, _)| of == name) {
                    Some((_, place)) => number(value).map(|value| *place = value),
                    None => Err(format!("there is no {name}")),
                },
                _ => Err("not a line of a schedule".into()),
            };
            taken.map_err(|error| format!("line {at}: {error}: {line}"))?;
        }
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::super::generate;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for seed in 0..200 {
            let schedule = generate(seed);
            assert_eq!(schedule.to_string().parse::<Schedule>().unwrap(), schedule);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert_eq!("brokers 1\nat 5 stop".parse::<Schedule>().unwrap_err(), "line 2: stop lacks broker: at 5 stop");
        assert!("bokers 1".parse::<Schedule>().unwrap_err().contains("there is no bokers"));
    }
}
