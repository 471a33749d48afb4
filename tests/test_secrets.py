"""What counts as a secret, through how many wrappings it is seen, and that it never leaves the scanner."""

import base64
import gzip
import json
import random
import string
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from auditor.opening import LIMIT
from auditor.secrets import Scanned, ScannedUserData, SecretMatch, is_secret_name, scan_environment

# Put together at run time, so that no scanner takes this file for a leak.
KEY_ID = "AKIA" + "Q4BD7ZKX2MNPLR5T"
KEY_SECRET = "h8Kd+2mPqL0vXz/R7tYb" + "4NcWs9JfGe1UaOi6ErT3"
BODY = "a8Kd2mPqL0vXzR7tYb4NcWs9JfGe1UaOi6ErT3"
JWT = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"))
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----"

POWERSHELL = base64.b64encode('$Password = "hunter2pw"'.encode("utf-16-le")).decode()
WRITTEN = base64.b64encode(b"DB_PASSWORD=hunter2pw").decode()
PACKED = base64.b64encode(gzip.compress(PEM.encode())).decode()
LOGIN = base64.b64encode(b"bob:hunter2pw").decode()

SECRETS = [
    (f"export AWS_ACCESS_KEY_ID={KEY_ID}\nexport AWS_SECRET_ACCESS_KEY={KEY_SECRET}", "aws-access-key", 1, True),
    (f"[default]\nregion = eu-west-1\nkey={KEY_ID}\n\nother={KEY_SECRET}", "aws-access-key", 3, True),
    (f"aws_secret_access_key = {KEY_SECRET}", "aws-secret-access-key", 1, False),
    (f'{{"SecretAccessKey": "{KEY_SECRET}"}}', "aws-secret-access-key", 1, False),
    (f"aws configure set aws_secret_access_key {KEY_SECRET}", "aws-secret-access-key", 1, False),
    (f"cat > k <<EOF\n{PEM}\nEOF", "private-key", 2, True),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk", "private-key", 1, True),
    ('{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQ"}', "private-key", 1, True),
    (f"git clone https://ghp_{BODY[:36]}@github.com/a/b", "github-token", 1, False),
    (f"echo github_pat_{BODY}", "github-token", 1, False),
    (f"glpat-{BODY[:20]}", "gitlab-token", 1, False),
    ("slack: xoxb-" + "123456789012-abcdefGHIJKL", "slack-token", 1, False),
    (f"curl https://hooks.slack.com/services/T01234567/B01234567/{BODY[:24]}", "slack-webhook", 1, False),
    (f"STRIPE=sk_live_{BODY[:24]}", "stripe-key", 1, False),
    (f"key=AIza{BODY[:35]}", "google-api-key", 1, False),
    (f"//registry.npmjs.org/:_authToken=npm_{BODY[:36]}", "npm-token", 1, False),
    (f"twine upload -p pypi-AgEIcHlwaS5vcmc{BODY}", "pypi-token", 1, False),
    (f"SG.{BODY[:22]}.{BODY}", "sendgrid-key", 1, False),
    ("SK" + "0123456789abcdef" * 2, "twilio-key", 1, False),
    (f"-H 'Cookie: session={JWT}'", "jwt", 1, False),
    (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={BODY}{BODY}==;", "azure-key", 1, False),
    ("DATABASE_URL=postgres://app:hunter2pw@db.internal:5432/app", "url-password", 1, False),
    ("redis://:s3cr3tpw@cache:6379/0", "url-password", 1, False),
    (f'{{"auths":{{"r.io":{{"auth":"{LOGIN}"}}}}}}', "docker-auth", 1, False),
    ("#!/bin/bash\nset -e\nDB_PASSWORD=hunter2pw\n", "assignment", 3, False),
    ("export PGPASSWORD='pa$$word1'", "assignment", 1, False),
    ('MYSQL_ROOT_PASSWORD="Tr0ub4dor&3"', "assignment", 1, False),
    ("docker run -e API_KEY=abc123def456 app", "assignment", 1, False),
    ("db:\n  user: app\n  password: hunter2pw\n", "assignment", 3, False),
    ('{"db": {"password": "hunter2pw"}}', "assignment", 1, False),
    ('echo "{\\"password\\": \\"hunter2pw\\"}"', "assignment", 1, False),
    ("[client]\npasswd = hunter2pw ; comment", "assignment", 2, False),
    ('<powershell>\r\n$Password = "P@ssw0rd!23"\r\n</powershell>', "assignment", 2, False),
    ('$env:DB_PASSWORD = "P@ssw0rd!23"', "assignment", 1, False),
    ("# DB_PASSWORD=hunter2pw", "assignment", 1, False),
    ("PASSWORD=${DB_PASSWORD:-hunter2pw}", "assignment", 1, False),
    ("password=12345678", "assignment", 1, False),
    ("<password>hunter2pw</password>", "assignment", 1, False),
    ("define('DB_PASSWORD', 'hunter2pw');", "assignment", 1, False),
    ("kubeadm join 10.0.0.1:6443 --token abcdef.0123456789abcdef", "assignment", 1, False),
    ("create-user --db-password=hunter2pw", "assignment", 1, False),
    ("jdbc:mysql://db/app?user=a&password=hunter2pw", "assignment", 1, False),
    ("java -Dspring.datasource.password=hunter2pw -jar a.jar", "assignment", 1, False),
    ('curl -H "X-Vault-Token: s.1234abcd5678"', "assignment", 1, False),
    ('$s = ConvertTo-SecureString "P@ssw0rd!23" -AsPlainText -Force', "secure-string", 1, False),
    ("$s = ConvertTo-SecureString -String 'P@ssw0rd!23' -AsPlainText", "secure-string", 1, False),
    ("mysql -u root -phunter2pw app < dump.sql", "command-password", 1, False),
    ("mysqladmin -u root password 'hunter2pw'", "command-password", 1, False),
    ("curl -s -u admin:hunter2pw https://x", "command-password", 1, False),
    ("curl -s \\\n  --user 'admin:hunter2pw' \\\n  https://x", "command-password", 2, False),
    ("chpasswd:\n  expire: false\n  list: |\n    root:hunter2pw", "command-password", 1, False),
    ("MYSQL_ROOT_PASSWORD=my-secret-pw", "assignment", 1, False),
    ("$s = ConvertTo-SecureString -AsPlainText -Force 'P@ssw0rd!23'", "secure-string", 1, False),
    ("sshpass -p hunter2pw ssh a@b", "command-password", 1, False),
    ("docker login -u bob -p hunter2pw r.io", "command-password", 1, False),
    ("redis-cli -a hunter2pw ping", "command-password", 1, False),
    ("net user deploy P@ssw0rd1 /add", "command-password", 1, False),
    ('echo "ec2-user:hunter2pw" | chpasswd', "command-password", 1, False),
    ("echo hunter2pw | sudo passwd --stdin root", "command-password", 1, False),
    ("CREATE USER a IDENTIFIED BY 'hunter2pw';", "sql-password", 1, False),
    ('curl -H "Authorization: Basic dXNlcjpodW50ZXIycHc="', "authorization-header", 1, False),
    ("curl -H 'Authorization: Bearer 4f9c2ab8d1e7'", "authorization-header", 1, False),
    (f"write_files:\n- encoding: b64\n  content: {WRITTEN}", "assignment", 3, False),
    (f"- content: !!binary |\n    {PACKED}", "private-key", 2, True),
    (f"powershell -enc {POWERSHELL}", "assignment", 1, False),
]

CLEAN = [
    "",
    "#!/bin/bash\nyum update -y\nsystemctl enable --now nginx\n",
    "DB_PASSWORD=",
    'DB_PASSWORD=""',
    "DB_PASSWORD=changeme",
    "password: <password>",
    "password=xxxxxxxx",
    "password: '********'",
    "API_KEY=your-api-key-here",
    "password: your-password-here",
    "password = example",
    "token: REPLACE_ME",
    f"AWS_ACCESS_KEY_ID={KEY_ID}",
    "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    f"{KEY_ID}\ncommit 8f14e45fceea167a5a36dedd4bea2543aaaa1111",
    f"{KEY_ID}\n" + "\n" * 20 + KEY_SECRET,
    "DB_PASSWORD=$DB_PASSWORD",
    'DB_PASSWORD="${SECRET}"',
    "DB_PASSWORD=$(aws secretsmanager get-secret-value --secret-id prod/db --query SecretString --output text)",
    "DB_PASSWORD=`aws ssm get-parameter --name /prod/db/password --with-decryption`",
    "DB_PASSWORD=${DB_PASSWORD:?must be set}",
    "password: '{{resolve:secretsmanager:prod/db:SecretString:password}}'",
    "password: {{ db_password }}",
    'password = "${var.db_password}"',
    "password = var.db_password",
    "password = random_password.db.result",
    "MasterUserPassword: !Ref DBPassword",
    'MasterUserPassword: !Sub "${Secret}"',
    '"MasterUserPassword": {"Ref": "DBPassword"}',
    "PASSWORD_FILE=/run/secrets/db",
    "POSTGRES_PASSWORD=/run/secrets/db",
    "private_key = /etc/ssl/private/server.key",
    "SECRET_ARN=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
    "DB_SECRET_NAME=prod/db/credentials",
    "DB_SECRET=prod/db/credentials",
    "TOKEN_URL=https://login.internal/oauth",
    "# Set the password: see the wiki for details",
    "# the token is fetched at boot",
    "echo 'Enter password: '",
    "read -s PASSWORD",
    'if [ "$PASSWORD" == "abcdefgh" ]; then exit; fi',
    "ec2-user ALL=(ALL) NOPASSWD: ALL",
    "PasswordAuthentication=no",
    "ssh_pwauth: true\nlock_passwd: false",
    "passwd: $6$rounds=4096$saltsalt$Kq0Jz",
    'TOKEN=$(curl -X PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 21600")',
    'curl -H "X-aws-ec2-metadata-token: $TOKEN" http://169.254.169.254/latest/meta-data/',
    "aws ecr get-login-password | docker login --username AWS --password-stdin 123456789012.dkr.ecr.x.amazonaws.com",
    "git clone https://oauth2:${TOKEN}@gitlab.internal/a/b.git",
    "postgres://user:password@host/db",
    "docker pull registry:5000/app@sha256:abcd",
    "mysql -u root -p$DB_PASSWORD app",
    "mysql -u root -p app",
    "mkdir -p/opt/mysql && mysql -P3306 app",
    "curl -u $USER:$PASS https://x",
    "docker run -u 1000:1000 -p 8080:80 mysql",
    'curl -H "Authorization: Bearer $TOKEN"',
    "$Password = (Get-SECSecretValue -SecretId prod/db).SecretString",
    "$Password = Get-Content C:\\pw.txt",
    "$s = ConvertTo-SecureString $Password -AsPlainText -Force",
    "password = os.environ['DB_PASSWORD']",
    "connect(user=user, password=db_password)",
    "grep -q 'BEGIN RSA PRIVATE KEY' /etc/ssl/key.pem",
    "-----BEGIN RSA PRIVATE KEY-----\n${PRIVATE_KEY}\n",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYD\n-----END CERTIFICATE-----",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 me@host",
    "token: ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "permissions:\n  id-token: write",
    "aws ecs run-task --client-token abcd1234efgh",
    'case "$k" in "-----BEGIN RSA PRIVATE KEY-----"*) ;; esac',
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod-AbCdEf",
    "{{resolve:secretsmanager:prod/db:SecretString:password:AWSCURRENT}}",
    "max_tokens: 4096\ntokenizer: standard\nsecretary: barbara",
    "sed -i 's/__DB_PASSWORD__/x/; s/PASSWORD=.*/PASSWORD=@PASSWORD@/' app.conf",
]


def scan_text(text: str) -> tuple[SecretMatch, ...]:
    return Scanned.of(text).matches


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def multipart(*texts: str) -> str:
    message = MIMEMultipart()
    for text in texts:
        message.attach(MIMEText(text, "x-shellscript", "utf-8"))  # a base64 part
    return message.as_string()


@pytest.mark.parametrize(("text", "pattern", "line", "critical"), SECRETS)
def test_a_secret_is_named_by_pattern_and_line(text: str, pattern: str, line: int, critical: bool) -> None:
    assert [(match.pattern, match.line, match.critical) for match in scan_text(text)][:1] == [(pattern, line, critical)]


@pytest.mark.parametrize("text", CLEAN)
def test_what_is_no_literal_secret_does_not_count(text: str) -> None:
    assert scan_text(text) == ()


@pytest.mark.parametrize("text", [text for text, *_ in SECRETS] + CLEAN)
def test_wrapping_changes_no_match(text: str) -> None:
    plain = scan_text(text)
    packed = base64.b64encode(gzip.compress(text.encode())).decode()
    assert Scanned.of_user_data(encoded(text)).matches == plain
    assert Scanned.of_user_data(packed) == Scanned.of(text)
    assert Scanned.of_user_data(encoded(multipart(text))).matches == plain
    assert Scanned.of_user_data(base64.b64encode(gzip.compress(multipart(text).encode())).decode()).matches == plain


def test_only_one_match_speaks_for_one_secret() -> None:
    (match,) = scan_text(f"GITHUB_TOKEN=ghp_{BODY[:36]}")
    assert (match.pattern, match.masked) == ("github-token", "ghp_…")


# What may hold a secret that has the form of a name before it, or of one that is set to something.
NAME_LIKE = [
    "mysql -u root -p{secret} -h db",
    "mysql -u root --password {secret}=abcdef",
    "ldapsearch -w{secret} admin.internal",
    "sqlcmd -P{secret}:abcdefg",
    "sqlcmd -P {secret}=abcdefg",
    "smbclient //share -U admin%{secret}=abcdef",
    "htpasswd -b users admin {secret}:abcdefg",
    "echo 'admin:{secret}=abcdef' | chpasswd",
    "echo '{secret}:abcdef' > .netrc",
    "login: admin: {secret}: abcdefg",
    "curl -u admin:{secret}=abcdef https://shop.internal",
    "curl https://admin:{secret}=abcdef@shop.internal",
    "openssl rsa -passin pass:{secret}=abcdef",
    "PASSWORD='{secret}=abcdef'",
    "password: {secret}: abcdef",
    "token {secret}:abcdef:ghijkl",
    "s3cmd put secret/{secret}=abcdef",
]


@pytest.mark.parametrize("line", NAME_LIKE)
@pytest.mark.parametrize("secret", ["MySecretPassword9", "rootpwd2024", "Token-abc123XYZ", "S3cret_Key"])
def test_a_secret_that_looks_like_a_name_is_not_shown(line: str, secret: str) -> None:
    scanned = Scanned.of_user_data(encoded(line.format(secret=secret)))
    assert secret.lower() not in scanned.model_dump_json().lower()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("  export DB_PASSWORD='kT8fWq2LmZ'", "DB_PASSWORD"),
        ("docker run -e DB_PASSWORD=kT8fWq2LmZ shop", "DB_PASSWORD"),
        ('echo "DB_PASSWORD=kT8fWq2LmZ" >> /etc/environment', "DB_PASSWORD"),
        ("$env:DbPassword = 'kT8fWq2LmZ'", "DbPassword"),
        ("New-LocalUser -Password 'kT8fWq2LmZ'", "Password"),
        ("shopctl --db-password kT8fWq2LmZ", "db-password"),
        ("Server=db;Password=kT8fWq2LmZ", "Password"),
        ('{"shop": {"password": "kT8fWq2LmZ"}}', "password"),
        ("- password: kT8fWq2LmZ", "password"),
        ("connect(user='shop', password='kT8fWq2LmZ')", "password"),
        ("<password>kT8fWq2LmZ</password>", "password"),
    ],
)
def test_names_are_shown_where_names_stand(line: str, name: str) -> None:
    assert [match.masked for match in scan_text(line)] == [name]


def test_what_is_wrapped_too_deep_is_said() -> None:
    script = "#!/bin/bash\nexport DB_PASSWORD='kT8fWq2LmZ'\n"
    for layers in range(1, 9):
        wrapped = script
        for _ in range(layers):
            wrapped = f"echo {encoded(wrapped)} | base64 -d | bash\n"
        scanned = Scanned.of_user_data(encoded(wrapped))
        assert scanned.matches or scanned.unread, layers


def test_key_and_secret_are_both_critical() -> None:
    key, secret = scan_text(f"AWS_ACCESS_KEY_ID={KEY_ID}\nAWS_SECRET_ACCESS_KEY={KEY_SECRET}")
    assert (key.masked, key.critical) == ("AKIA…", True)
    assert (secret.masked, secret.line, secret.critical) == ("AWS_SECRET_ACCESS_KEY", 2, True)


def test_parts_of_a_multipart_follow_each_other() -> None:
    scanned = Scanned.of_user_data(encoded(multipart("a\nb", "c\nDB_PASSWORD=hunter2pw", "TOKEN=abc123def456")))
    assert [(match.line, match.masked) for match in scanned.matches] == [(4, "DB_PASSWORD"), (5, "TOKEN")]


def test_a_gzipped_part_is_opened() -> None:
    inner = base64.b64encode(gzip.compress(b"\nDB_PASSWORD=hunter2pw")).decode()
    part = f"Content-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\n{inner}\n"
    text = f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n{part}\n--b--\n'
    assert [match.line for match in Scanned.of_user_data(encoded(text)).matches] == [2]


def test_windows_line_ends_and_utf16_count_lines_alike() -> None:
    script = '<powershell>\r\n\r\n$Password = "P@ssw0rd!23"\r\n</powershell>'
    for codec in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        scanned = Scanned.of_user_data(base64.b64encode(script.encode(codec)).decode())
        assert [match.line for match in scanned.matches] == [3]


def test_what_cannot_be_opened_is_said_not_passed_over() -> None:
    packed = gzip.compress(b"DB_PASSWORD=hunter2pw\n" + random.Random(1).randbytes(4000))
    cut = Scanned.of_user_data(base64.b64encode(packed[:-2000]).decode())
    assert cut.unread == "its gzip stream is broken"
    assert [match.masked for match in cut.matches] == ["DB_PASSWORD"]
    assert Scanned.of_user_data("%% DB_PASSWORD=hunter2pw").unread == "it is not base64"
    assert Scanned.of_user_data(encoded("echo")).unread is None
    assert Scanned.of_user_data("").unread is None


def test_a_gzip_bomb_costs_no_more_than_the_limit() -> None:
    scanned = Scanned.of_user_data(base64.b64encode(gzip.compress(b"\0" * (20 * LIMIT))).decode())
    assert scanned.size <= LIMIT
    assert scanned.unread == f"it is longer than {LIMIT} bytes"
    bombs = encoded("\n".join([base64.b64encode(gzip.compress(b" " * LIMIT)).decode()] * 50))
    assert Scanned.of_user_data(bombs).unread is not None


class Instance(BaseModel):
    user_data: ScannedUserData | None


def test_a_field_scans_what_aws_sends_and_keeps_what_a_snapshot_holds() -> None:
    fresh = Instance.model_validate({"user_data": encoded("DB_PASSWORD=hunter2pw")})
    assert fresh.user_data == Scanned.of("DB_PASSWORD=hunter2pw")
    assert Instance.model_validate_json(fresh.model_dump_json()) == fresh
    assert Instance.model_validate(fresh.model_dump()) == fresh
    assert Instance(user_data=None).user_data is None
    assert Instance.model_validate({"user_data": {"Value": encoded("a")}}).user_data == Scanned.of("a")


def test_not_even_an_error_prints_the_value() -> None:
    for wrong in (["hunter2pw"], {"Data": "hunter2pw"}):
        with pytest.raises(ValidationError) as caught:
            Instance.model_validate({"user_data": wrong})
        assert "hunter2pw" not in str(caught.value)


ENVIRONMENT = [
    ("DB_PASSWORD", "hunter2pw", "assignment", False),
    ("apiKey", "abc123def456", "assignment", False),
    ("JWT_SECRET", "correct.horse.battery", "assignment", False),
    ("DATABASE_URL", "postgres://app:hunter2pw@db/app", "url-password", False),
    ("SETTINGS", '{"password": "hunter2pw"}', "assignment", False),
    ("ANYTHING", f"ghp_{BODY[:36]}", "github-token", False),
    ("ANYTHING", KEY_ID, "aws-access-key-id", True),
    ("AWS_SECRET_ACCESS_KEY", KEY_SECRET, "aws-secret-access-key", True),
    ("TLS_KEY", PEM, "private-key", True),
]


@pytest.mark.parametrize(("name", "value", "pattern", "critical"), ENVIRONMENT)
def test_an_environment_variable_is_judged_by_name_and_value(
    name: str, value: str, pattern: str, critical: bool
) -> None:
    (match,) = scan_environment({name: value, "STAGE": "prod"})
    assert (match.pattern, match.masked, match.critical, match.line) == (pattern, name, critical, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "12345678"),
        ("USE_TOKEN", "true"),
        ("DB_PASSWORD", "****"),
        ("DB_PASSWORD", "{{resolve:ssm-secure:db:1}}"),
        ("SECRET", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"),
        ("DB_SECRET", "prod/db/credentials"),
        ("DB_SECRET", "my-db-credentials"),
        ("DB_PASSWORD", "prod/db/password"),
        ("SECRET_NAME", "hunter2pw"),
        ("TOKEN_ENDPOINT", "https://login.internal/oauth"),
        ("TOKEN_ISSUER", "https://login.internal/oauth"),
        ("API_KEY_FILE", "/run/secrets/key"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("STAGE", "hunter2pw"),
    ],
)
def test_an_environment_variable_without_literal_secret_passes(name: str, value: str) -> None:
    assert scan_environment({name: value}) == ()


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("dbPassword", True),
        ("SECRET_KEY_BASE", True),
        ("SecretId", False),
        ("tokenizer", False),
        ("ACCESS_KEY_ID", False),
    ],
)
def test_a_name_says_whether_its_value_is_a_secret(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


@given(st.text() | st.binary().map(lambda content: base64.b64encode(content).decode()))
def test_nothing_makes_it_raise(value: str) -> None:
    Scanned.of(value)
    Scanned.of_user_data(value)
    Scanned.of_user_data(encoded("MIME-Version: 1.0\n" + value.encode(errors="replace").decode()))
    scan_environment({"PASSWORD": value})


@given(st.binary(max_size=300), st.integers(0, 300))
def test_broken_gzip_and_mime_make_it_not_raise(content: bytes, at: int) -> None:
    for whole in (gzip.compress(content), multipart(content.decode("latin-1")).encode()):
        broken = whole[:at] + content[:3] + whole[at + 3 :]
        Scanned.of_user_data(base64.b64encode(broken).decode())


TEMPLATES = [
    "PASSWORD={}",
    "password: {}",
    'PASSWORD="{}"',
    '{{"token": "{}"}}',
    '$Password = "{}"',
    'ConvertTo-SecureString "{}" -AsPlainText',
    "postgres://app:{}@db/x",
    "mysql -p{}",
    "curl -u bob:{}",
    "Authorization: Bearer {}",
    "--token {}",
    "ghp_{}",
    "sk_live_{}",
    "AccountKey={}",
    "AKIAQ4BD7ZKX2MNPLR5T {}",
    "<secret>{}</secret>",
    "FOO={}",
    "-----BEGIN PRIVATE KEY-----\n{}",
]


@given(
    st.text(string.ascii_letters + string.digits + "!#%+=_-.@/:$'\" ", min_size=10, max_size=60),
    st.sampled_from(TEMPLATES),
)
@settings(max_examples=500)
def test_the_secret_never_leaves(tail: str, template: str) -> None:
    secret = "Zq9" + tail
    text = template.format(secret)
    scanned = [Scanned.of(text), Scanned.of_user_data(encoded(text)), Scanned.of_user_data(encoded(multipart(text)))]
    said = "".join(f"{one!r}{one}{one.model_dump_json()}" for one in scanned)
    said += repr(scan_environment({"PASSWORD": secret, "CONFIG": text}))
    assert "Zq9" not in json.dumps(said)


ADVERSARIAL = [
    *("a", "=", " ", "\n", '"', "-", "\\", "${", "{{", "`", "$", "<a>", "x.y_", "://", "a://", "a://b:", "--a"),
    *("password=", 'password="', "password: |", "curl -u ", "mysql -p", "echo a:b ", "net user a ", "get('a',"),
    *(
        "eyJ-",
        "eyJabcdefgh.",
        "AKIA",
        KEY_ID + " ",
        "-----BEGIN ",
        'auth":"',
        "identified with ",
        "MIME-Version: 1.0\n",
    ),
    *("A" * 23 + " ", "QUJD" * 6 + "\n"),
]


@pytest.mark.parametrize("piece", ADVERSARIAL)
def test_long_adversarial_text_is_scanned_to_its_end(piece: str) -> None:
    Scanned.of(piece * (300_000 // len(piece)))


def test_very_many_matches_are_cut_to_the_worst() -> None:
    matches = scan_text("password=hunter2pw\n" * 5000 + PEM)
    assert len(matches) <= 100
    assert any(match.critical for match in matches)
