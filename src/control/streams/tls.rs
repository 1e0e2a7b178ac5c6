//! TLS for SIP (RFC 3261 26.3.1, RFC 5922): who we are, and whether a peer is who its address says.

use crate::control::config::{ConfigError, StreamTls};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme, crypto,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Both sides of TLS.
#[derive(Clone)]
pub struct Tls {
    /// For connections that peers open.
    pub acceptor: TlsAcceptor,
    /// For those that we open.
    pub connector: TlsConnector,
    /// Whether the hosts that are trusted have to prove their names.
    pub verify_peers: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("verify_peers", &self.verify_peers).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// Says which file can't be used, and why.
    pub fn load(config: &StreamTls) -> Result<Self, ConfigError> {
        let wrong = |file: &Path, what: String, remedy: &str| ConfigError::of_file(file, what, remedy);
        let certificates = certificates(&config.certificate)?;
        let key = || {
            PrivateKeyDer::from_pem_file(&config.key).map_err(|error| {
                let remedy = "name a PEM file with an unencrypted private key in [sip.tls] key";
                wrong(&config.key, format!("no private key: {error}"), remedy)
            })
        };
        let mut roots = RootCertStore::empty();
        if let Some(file) = &config.ca {
            for certificate in self::certificates(file)? {
                let remedy = "name a PEM file with certificates of authorities in [sip.tls] ca";
                roots.add(certificate).map_err(|error| wrong(file, error.to_string(), remedy))?;
            }
        }
        let roots = Arc::new(roots);
        let mismatch = |error: Error| {
            let remedy = "let [sip.tls] certificate and key belong together";
            wrong(&config.certificate, error.to_string(), remedy)
        };
        let provider = Arc::new(crypto::ring::default_provider());
        let versions = |error: Error| wrong(&config.certificate, error.to_string(), "report this");
        let authorities = |error: String| {
            let remedy = "name the authorities of peers in [sip.tls] ca";
            wrong(config.ca.as_deref().unwrap_or(Path::new("")), error, remedy)
        };
        let server =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let server = server.map_err(versions)?;
        let server = match config.verify_peers {
            true => {
                // UEs have no certificates; those who have to prove a name are asked for it afterwards.
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| authorities(error.to_string()))?;
                server.with_client_cert_verifier(verifier)
            }
            false => server.with_no_client_auth(),
        };
        let server = server.with_single_cert(certificates.clone(), key()?).map_err(mismatch)?;
        let chain = config.verify_peers.then(|| {
            let chain = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
            chain.map_err(|error| authorities(error.to_string()))
        });
        let verifier = Arc::new(Servers { chain: chain.transpose()?, provider: provider.clone() });
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.map_err(versions)?.dangerous().with_custom_certificate_verifier(verifier);
        let client = client.with_client_auth_cert(certificates, key()?).map_err(mismatch)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
            verify_peers: config.verify_peers,
        })
    }
}

/// The TLS of stream threads, whose files may change while they run.
#[derive(Debug)]
pub struct Files {
    config: StreamTls,
    current: watch::Sender<Tls>,
}

impl Files {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// Says which file can't be used, and why.
    pub fn new(config: StreamTls) -> Result<Self, ConfigError> {
        let current = watch::Sender::new(Tls::load(&config)?);
        Ok(Self { config, current })
    }

    /// What connections are begun with.
    #[must_use]
    pub fn current(&self) -> watch::Receiver<Tls> {
        self.current.subscribe()
    }

    /// Reads them again: connections that begin from now on have what they say. Those that are open stay as they are.
    ///
    /// # Errors
    /// Says which file can't be used, and why; what was read before stays in use then.
    pub fn read_again(&self) -> Result<(), ConfigError> {
        let tls = Tls::load(&self.config)?;
        self.current.send_replace(tls);
        Ok(())
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let remedy = "name a readable PEM file with certificates in [sip.tls]";
    let wrong = |what: String| ConfigError::of_file(file, what, remedy);
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|error| wrong(format!("cannot be read: {error}")))?
        .collect();
    let found = found.map_err(|error| wrong(format!("no certificates: {error}")))?;
    if found.is_empty() { Err(wrong("has no certificate".into())) } else { Ok(found) }
}

/// Whether a certificate is of that SIP domain: a URI among its names says so, or, if no URI of SIP is there, a DNS name; without
/// wildcards (RFC 5922 7.1, 7.2).
#[must_use]
pub fn is_of(certificate: &CertificateDer<'_>, domain: &str) -> bool {
    // A user part makes it somebody's rather than a domain's.
    names_of(certificate).iter().any(|name| name.eq_ignore_ascii_case(domain))
}

/// Whether a certificate is of somebody in that SIP domain: of the domain itself, or of a host in it.
#[must_use]
pub fn is_within(certificate: &CertificateDer<'_>, domain: &str) -> bool {
    names_of(certificate).iter().any(|name| {
        let host = name.len().checked_sub(domain.len()).and_then(|at| name.split_at_checked(at));
        host.is_some_and(|(host, rest)| {
            // Wildcards are nobody's (RFC 5922 7.2).
            let is_host = host.is_empty() || host.ends_with('.') && !host.contains('*');
            is_host && rest.eq_ignore_ascii_case(domain)
        })
    })
}

/// The SIP domains that a certificate names: by its URIs, or, if no URI of SIP is there, by its DNS names (RFC 5922 7.1).
fn names_of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return vec![] };
    let uris = certificate.valid_uri_names().filter_map(|uri| {
        let (scheme, host) = uri.split_once(':')?;
        scheme.eq_ignore_ascii_case("sip").then(|| host.to_owned())
    });
    let uris: Vec<_> = uris.collect();
    if uris.is_empty() { certificate.valid_dns_names().map(str::to_owned).collect() } else { uris }
}

/// Takes servers whose certificate is of the name that was asked for; or any server, where the configuration says so.
#[derive(Debug)]
struct Servers {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<crypto::CryptoProvider>,
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let verified = chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let wrong_name = CertificateError::NotValidForName;
        match (server_name, verified) {
            // It asks for the name last, when all else is right, and knows DNS names alone.
            (
                ServerName::DnsName(name),
                Ok(_)
                | Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )),
            ) => match is_of(end_entity, name.as_ref()) {
                true => Ok(ServerCertVerified::assertion()),
                false => Err(Error::InvalidCertificate(wrong_name)),
            },
            (_, verified) => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(
            message,
            cert,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(
            message,
            cert,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
