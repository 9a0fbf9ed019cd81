"""PyPI's confidant 7.0.0 lacks its own package confidant.services.certificate_authority, and cannot be imported.

These empty modules let it start; only its certificate routes, which no check here uses, need what is missing.
"""

import importlib.util
import sys
import types

PACKAGE = 'confidant.services.certificate_authority'
NAMES = {
    'acmpca': ['ACMPrivateCertificateAuthority'],
    'customca': ['CustomCertificateAuthority'],
    'certificateauthoritybase': ['CertificateAuthorityNotFoundError', 'CertificateNotReadyError'],
}

if importlib.util.find_spec(PACKAGE) is None:
    sys.modules[PACKAGE] = types.ModuleType(PACKAGE)
    for name, classes in NAMES.items():
        module = types.ModuleType(PACKAGE + '.' + name)
        for each in classes:
            setattr(module, each, type(each, (Exception,), {}))
        sys.modules[module.__name__] = module
