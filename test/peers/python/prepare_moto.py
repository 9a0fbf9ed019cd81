"""Makes the keys and roles named on standard input in the AWS that the environment points at."""

import json
import sys

import boto3

wanted = json.load(sys.stdin)
kms = boto3.client('kms')
for alias in wanted['aliases']:
    key = kms.create_key()['KeyMetadata']['KeyId']
    kms.create_alias(AliasName=alias, TargetKeyId=key)
iam = boto3.client('iam')
for role in wanted['roles']:
    iam.create_role(RoleName=role, AssumeRolePolicyDocument='{}')
