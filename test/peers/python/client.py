"""One call of the original's Python libraries: a JSON request on standard input, its JSON answer on standard output."""

import base64
import datetime
import json
import logging
import os
import sys

import confidant_client
import kmsauth
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

logging.disable(logging.CRITICAL)


def client(config, profile, method, args):
    """A method of ConfidantClient."""
    instance = confidant_client.ConfidantClient(config_files=[config], profile=profile)
    return getattr(instance, method)(**args)


def token(auth_key, auth_context, version, lifetime=10, cache_file=''):
    """A token of KMSTokenGenerator."""
    generator = kmsauth.KMSTokenGenerator(
        auth_key,
        auth_context,
        os.environ['AWS_DEFAULT_REGION'],
        token_version=version,
        token_lifetime=lifetime,
        token_cache_file=cache_file,
    )
    token = generator.get_token()
    return {
        'username': generator.get_username(),
        # A fresh token is bytes, one from the cache file is text.
        'token': token.decode() if isinstance(token, bytes) else token,
    }


def validate(username, token, to, auth_key, user_auth_key):
    """What KMSTokenValidator says of a token."""
    validator = kmsauth.KMSTokenValidator(auth_key, user_auth_key, to, os.environ['AWS_DEFAULT_REGION'])
    try:
        verdict = validator.decrypt_token(username, token)
    except kmsauth.TokenValidationError as error:
        return {'valid': False, 'error': str(error)}
    return {'valid': True, 'key_alias': verdict.get('key_alias')}


def make_keys():
    """A certificate authority and an RSA key with a certificate, as PEM."""
    def pair(name, is_ca):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return {
            'key': key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            'crt': certificate.public_bytes(serialization.Encoding.PEM).decode(),
        }

    return {'ca': pair('peers root', True), 'jwt': pair('peers jwt', False)}


def verify_certificate(certificate, key, ca):
    """Raises unless the CA signed the certificate and the key is its own; returns its name."""
    leaf = x509.load_pem_x509_certificate(certificate.encode())
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.encode()))
    private = serialization.load_pem_private_key(key.encode(), None)
    assert private.public_key() == leaf.public_key(), 'the key is not the one in the certificate'
    return leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def verify_jwt(token, keys):
    """Raises unless one of the JWKS's keys signed the token; returns its claims."""
    def decode(text):
        return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))

    signed, signature = token.rsplit('.', 1)
    header, claims = (json.loads(decode(part)) for part in signed.split('.'))
    key = next(key for key in keys if key['kid'] == header['kid'])
    numbers = rsa.RSAPublicNumbers(*(int.from_bytes(decode(key[name]), 'big') for name in ('e', 'n')))
    numbers.public_key().verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return claims


def basic_get(url, username, token):
    """A GET as a Python service without the client sends it."""
    response = requests.get(url, auth=(username, token), timeout=60)
    return {'status': response.status_code, 'body': response.json()}


request = json.load(sys.stdin)
answer = globals()[request.pop('call')](**request)
json.dump(answer, sys.stdout)
