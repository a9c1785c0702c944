//! What may be run, and in which environment (row VA-18).

use mesos::executor_info::{
    CommandInfo, EnvironmentVariable, EnvironmentVariableType, Secret, SecretType,
};

use super::{Check, expect, invalid, within};

/// Checks a command. As in Mesos, only its environment can be wrong.
pub fn validate(command: &CommandInfo) -> Check {
    let environment = command.environment.as_ref();
    environment.map_or(Ok(()), |environment| environment.variables.iter().try_for_each(variable))
}

/// Checks one variable: its value or its secret is there, whichever it says to have.
fn variable(variable: &EnvironmentVariable) -> Check {
    let name = &variable.name;
    match variable.r#type {
        EnvironmentVariableType::Secret => {
            let Some(secret) = &variable.secret else {
                return invalid(format!(
                    "Environment variable '{name}' of type 'SECRET' must have a secret set"
                ));
            };
            expect(variable.value.is_none(), || {
                format!("Environment variable '{name}' of type 'SECRET' must not have a value set")
            })?;
            let what = format!("Environment variable '{name}' specifies an invalid secret");
            validate_secret(secret).map_err(within(&what))?;
            let holds_null = secret.value.as_ref().is_some_and(|value| value.data.contains(&0));
            expect(!holds_null, || {
                format!(
                    "Environment variable '{name}' specifies a secret containing null bytes, which \
                     is not allowed in the environment"
                )
            })
        }
        EnvironmentVariableType::Value => {
            expect(variable.value.is_some(), || {
                format!("Environment variable '{name}' of type 'VALUE' must have a value set")
            })?;
            expect(variable.secret.is_none(), || {
                format!("Environment variable '{name}' of type 'VALUE' must not have a secret set")
            })
        }
        EnvironmentVariableType::Unknown => {
            invalid("Environment variable of type 'UNKNOWN' is not allowed")
        }
    }
}

/// Checks a secret: it holds what it says to hold, and nothing else.
pub fn validate_secret(secret: &Secret) -> Check {
    match secret.r#type {
        Some(SecretType::Reference) => {
            let Some(reference) = &secret.reference else {
                return invalid("Secret of type REFERENCE must have the 'reference' field set");
            };
            expect(secret.value.is_none(), || {
                format!(
                    "Secret '{}' of type REFERENCE must not have the 'value' field set",
                    reference.name
                )
            })
        }
        Some(SecretType::Value) => {
            expect(secret.value.is_some(), || {
                "Secret of type VALUE must have the 'value' field set".to_owned()
            })?;
            expect(secret.reference.is_none(), || {
                "Secret of type VALUE must not have the 'reference' field set".to_owned()
            })
        }
        Some(SecretType::Unknown) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use mesos::executor_info::{Environment, SecretReference, SecretValue};

    use super::*;
    use crate::validation::words;

    fn command(variable: EnvironmentVariable) -> CommandInfo {
        let environment = Some(Environment { variables: vec![variable] });
        CommandInfo { environment, ..CommandInfo::default() }
    }

    fn plain() -> EnvironmentVariable {
        EnvironmentVariable {
            name: "V".to_owned(),
            value: Some("v".to_owned()),
            ..EnvironmentVariable::default()
        }
    }

    fn secret(data: &str) -> Secret {
        Secret {
            r#type: Some(SecretType::Value),
            value: Some(SecretValue { data: data.into() }),
            reference: None,
        }
    }

    fn hidden() -> EnvironmentVariable {
        EnvironmentVariable {
            r#type: EnvironmentVariableType::Secret,
            value: None,
            secret: Some(Box::new(secret("s"))),
            ..plain()
        }
    }

    #[test]
    fn sound_environments_pass() {
        for variable in [plain(), hidden()] {
            assert_eq!(validate(&command(variable)), Ok(()));
        }
    }

    #[test]
    fn a_variable_has_what_its_type_says() {
        let says = |variable| words(validate(&command(variable)));
        assert_eq!(
            says(EnvironmentVariable { value: None, ..plain() }),
            "Environment variable 'V' of type 'VALUE' must have a value set"
        );
        assert_eq!(
            says(EnvironmentVariable { secret: hidden().secret, ..plain() }),
            "Environment variable 'V' of type 'VALUE' must not have a secret set"
        );
        assert_eq!(
            says(EnvironmentVariable { secret: None, ..hidden() }),
            "Environment variable 'V' of type 'SECRET' must have a secret set"
        );
        assert_eq!(
            says(EnvironmentVariable { value: plain().value, ..hidden() }),
            "Environment variable 'V' of type 'SECRET' must not have a value set"
        );
        assert_eq!(
            says(EnvironmentVariable { r#type: EnvironmentVariableType::Unknown, ..plain() }),
            "Environment variable of type 'UNKNOWN' is not allowed"
        );
    }

    #[test]
    fn a_secret_in_the_environment_is_text() {
        let variable = EnvironmentVariable { secret: Some(Box::new(secret("a\0b"))), ..hidden() };
        assert_eq!(
            words(validate(&command(variable))),
            "Environment variable 'V' specifies a secret containing null bytes, which is not \
             allowed in the environment"
        );
        let empty = Secret { value: None, ..secret("s") };
        let variable = EnvironmentVariable { secret: Some(Box::new(empty)), ..hidden() };
        assert_eq!(
            words(validate(&command(variable))),
            "Environment variable 'V' specifies an invalid secret: Secret of type VALUE must have \
             the 'value' field set"
        );
    }

    #[test]
    fn a_secret_has_what_its_type_says() {
        let reference = SecretReference { name: "n".to_owned(), key: None };
        let kept = Secret {
            r#type: Some(SecretType::Reference),
            reference: Some(reference.clone()),
            value: None,
        };
        assert_eq!(validate_secret(&kept), Ok(()));
        assert_eq!(
            words(validate_secret(&Secret { reference: None, ..kept.clone() })),
            "Secret of type REFERENCE must have the 'reference' field set"
        );
        assert_eq!(
            words(validate_secret(&Secret { value: secret("s").value, ..kept })),
            "Secret 'n' of type REFERENCE must not have the 'value' field set"
        );
        assert_eq!(
            words(validate_secret(&Secret { reference: Some(reference), ..secret("s") })),
            "Secret of type VALUE must not have the 'reference' field set"
        );
        assert_eq!(validate_secret(&Secret::default()), Ok(()));
    }
}
