//! What costs nothing and shows whether a key is right.

use serde_json::json;

use super::{
    super::{api::Vendor, auth, backstage::Backstage},
    Request,
    answer::Answer,
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Answer {
    let path = request.head.path.as_str();
    let document = match auth::vendor(stage.api(), &request.head) {
        Vendor::ElevenLabs if path == "/v1/user" => json!({"subscription": {"tier": "fake", "status": "active"}}),
        Vendor::ElevenLabs if path == "/v1/models" => {
            json!([{"model_id": "eleven_flash_v2_5", "can_do_text_to_speech": true}])
        }
        Vendor::ElevenLabs => json!({"voices": [{"voice_id": "fake", "name": "Fake"}], "has_more": false}),
        Vendor::Google if path.ends_with("/voices") => {
            json!({"voices": [{"languageCodes": ["en-US"], "name": "en-US-Chirp3-HD-Kore", "ssmlGender": "FEMALE"}]})
        }
        Vendor::Google => json!({"models": [{"name": "models/gemini-3.5-flash"}]}),
        Vendor::Deepgram => json!({"projects": [{"project_id": "fake", "name": "fake"}]}),
        Vendor::Anthropic => {
            json!({"data": [{"type": "model", "id": "claude-haiku-5-5"}], "has_more": false})
        }
        Vendor::OpenAi | Vendor::AssemblyAi => {
            json!({"object": "list", "data": [{"id": "gpt-5.6-luna", "object": "model", "owned_by": "fake"}]})
        }
    };
    Answer::document("application/json", stage.pace().head, document.to_string())
}
