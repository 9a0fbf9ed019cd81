// Command external-secrets does with our manifests what External Secrets' controller and the API server do:
//
//	external-secrets <patch.json> <manifest.yaml>...
//
// Every manifest is read strictly, as its own type. The patch is applied to the Secret `confidant-token`, and every
// entry of the ExternalSecret is asked for through the webhook provider. Prints {"values": {...}, "errors": {...}}.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	esv1 "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	"github.com/external-secrets/external-secrets/pkg/provider/webhook"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"
)

const deadline = time.Minute

type answer struct {
	Values map[string]string `json:"values"`
	Errors map[string]string `json:"errors"`
}

func main() {
	result, err := run(os.Args[1], os.Args[2:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(patchFile string, manifests []string) (*answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	objects := map[string]client.Object{}
	for _, name := range manifests {
		if err := read(name, objects); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	store, isStore := objects["SecretStore"].(*esv1.SecretStore)
	wanted, isWanted := objects["ExternalSecret"].(*esv1.ExternalSecret)
	secret, isSecret := objects["Secret"].(*corev1.Secret)
	if !isStore || !isWanted || !isSecret {
		return nil, errors.New("a SecretStore, an ExternalSecret and a Secret are needed")
	}
	kube, err := clusterWith(ctx, secret, patchFile)
	if err != nil {
		return nil, err
	}
	provider := &webhook.Provider{}
	if _, err := provider.ValidateStore(store); err != nil {
		return nil, err
	}
	secrets, err := provider.NewClient(ctx, store, kube, wanted.Namespace)
	if err != nil {
		return nil, err
	}
	defer secrets.Close(ctx)
	result := &answer{Values: map[string]string{}, Errors: map[string]string{}}
	for _, entry := range wanted.Spec.Data {
		value, err := secrets.GetSecret(ctx, entry.RemoteRef)
		if err != nil {
			result.Errors[entry.SecretKey] = err.Error()
			continue
		}
		result.Values[entry.SecretKey] = string(value)
	}
	return result, nil
}

// The API server: an empty Secret, then what the job patches into it.
func clusterWith(ctx context.Context, secret *corev1.Secret, patchFile string) (client.Client, error) {
	patch, err := os.ReadFile(patchFile)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	kube := fake.NewClientBuilder().WithScheme(scheme).WithObjects(secret.DeepCopy()).Build()
	patched := secret.DeepCopy()
	if err := kube.Patch(ctx, patched, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return nil, err
	}
	// The fake client leaves this to the API server: stringData is written, data is read.
	patched.Data = map[string][]byte{}
	for name, value := range patched.StringData {
		patched.Data[name] = []byte(value)
	}
	patched.StringData = nil
	return kube, kube.Update(ctx, patched)
}

func read(name string, into map[string]client.Object) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	documents := yamlreader.NewDocumentDecoder(io.NopCloser(bytes.NewReader(content)))
	defer documents.Close()
	buffer := make([]byte, len(content)+1)
	for {
		length, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		document := buffer[:length]
		var kind struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return err
		}
		object := map[string]client.Object{
			"ServiceAccount": &corev1.ServiceAccount{},
			"Secret":         &corev1.Secret{},
			"Role":           &rbacv1.Role{},
			"RoleBinding":    &rbacv1.RoleBinding{},
			"CronJob":        &batchv1.CronJob{},
			"SecretStore":    &esv1.SecretStore{},
			"ExternalSecret": &esv1.ExternalSecret{},
		}[kind.Kind]
		if object == nil {
			return fmt.Errorf("unknown kind %q", kind.Kind)
		}
		// Unknown fields and fields given twice are errors.
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			return fmt.Errorf("%s: %w", kind.Kind, err)
		}
		into[kind.Kind] = object
	}
}
